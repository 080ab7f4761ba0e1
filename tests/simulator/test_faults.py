"""Faults, as they look on the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from cadre.domain.errors import CadreError
from cadre.simulator.conversation import Conversation
from cadre.simulator.faults import Fault, FaultKind, load_plan
from cadre.simulator.scenario import Answer, Report, Say, Think, Use, answer

from .conftest import Start, system, tool

BODY: dict[str, Any] = {
    "model": "claude-opus-5",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "go"}],
    "tools": [tool("Read")],
}
STREAMED = {**BODY, "stream": True}
PATH = "a/long/path/" * 20


def uses_a_tool(c: Conversation) -> Answer:
    return answer(Say("I read."), Use("Read", {"path": PATH}))


def plan(kind: str, **fields: Any) -> dict[str, Any]:
    fault = {"kind": kind, **({"call": 1} if "turn" not in fields else {}), **fields}
    return {"faults": {"faults": [fault]}}


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def inputs(seen: list[dict[str, Any]]) -> str:
    deltas = [e["delta"] for e in seen if e["type"] == "content_block_delta"]
    return "".join(d.get("partial_json", "") for d in deltas)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "rate_limit_error"),
        (529, "overloaded_error"),
        (500, "api_error"),
        (408, "timeout_error"),
        (402, "billing_error"),
        (403, "permission_error"),
    ],
)
@pytest.mark.parametrize("body", [BODY, STREAMED])
async def test_statuses(
    start: Start, http: Any, status: int, kind: str, body: dict[str, Any]
) -> None:
    simulator = await start(uses_a_tool, **plan("status", status=status))
    response = await http(simulator).post("/v1/messages", json=body)
    assert response.status_code == status
    assert response.json()["error"]["type"] == kind
    assert "retry-after" not in response.headers
    assert (await http(simulator).post("/v1/messages", json=body)).status_code == 200
    assert [call.paid for call in simulator.requests.calls] == [False, True]


async def test_retry_after(start: Start, http: Any) -> None:
    simulator = await start(uses_a_tool, **plan("status", status=429, retry_after=0.5))
    response = await http(simulator).post("/v1/messages", json=STREAMED)
    assert response.headers["retry-after"] == "0.5"


async def test_an_error_in_the_middle_of_a_stream(start: Start, http: Any, client: Any) -> None:
    simulator = await start(uses_a_tool, **plan("stream_error"))
    response = await http(simulator).post("/v1/messages", json=STREAMED)
    seen = events(response.text)
    assert response.status_code == 200
    assert seen[-1]["error"]["type"] == "overloaded_error"
    assert 0 < len(inputs(seen)) < len(PATH)
    assert "message_stop" not in {e["type"] for e in seen}


async def test_the_sdk_raises_that_error_with_status_200(start: Start, client: Any) -> None:
    sdk = client(await start(uses_a_tool, **plan("stream_error", status=500)))
    with pytest.raises(anthropic.APIStatusError) as caught:
        async for _ in await sdk.messages.create(**STREAMED):
            pass
    assert caught.value.status_code == 200
    assert caught.value.type == "api_error"


async def test_the_end_inside_a_tool_input_raises_nothing(
    start: Start, http: Any, client: Any
) -> None:
    simulator = await start(uses_a_tool, **plan("eof"))
    seen = events((await http(simulator).post("/v1/messages", json=STREAMED)).text)
    assert seen[-1]["type"] == "content_block_delta"
    with pytest.raises(json.JSONDecodeError):
        json.loads(inputs(seen))
    assert simulator.requests.calls[-1].outcome == "broken"
    sdk = client(await start(uses_a_tool, **plan("eof")))
    last = [event.type async for event in await sdk.messages.create(**STREAMED)][-1]
    assert last == "content_block_delta"


async def test_a_cut_connection_is_a_broken_body(start: Start, http: Any) -> None:
    simulator = await start(uses_a_tool, **plan("cut"))
    with pytest.raises(httpx2.RemoteProtocolError):
        await http(simulator).post("/v1/messages", json=STREAMED)
    assert (simulator.requests.calls[0].outcome, simulator.requests.calls[0].paid) == (
        "broken",
        True,
    )


async def received_until_timeout(client: httpx2.AsyncClient) -> bytes:
    """What comes of a streamed answer before nothing more does."""
    received = b""
    try:
        async with client.stream("POST", "/v1/messages", json=STREAMED, timeout=2) as response:
            async for chunk in response.aiter_bytes():
                received += chunk
    except httpx2.ReadTimeout:
        return received
    raise AssertionError("the answer ended")


async def test_a_stall_sends_the_beginning_and_then_nothing(start: Start, http: Any) -> None:
    received = await received_until_timeout(http(await start(uses_a_tool, **plan("stall"))))
    assert b"input_json_delta" in received
    assert b"message_stop" not in received


async def test_garbage_json(start: Start, http: Any) -> None:
    simulator = await start(uses_a_tool, **plan("garbage"))
    response = await http(simulator).post("/v1/messages", json=STREAMED)
    with pytest.raises(json.JSONDecodeError):
        events(response.text)
    simulator = await start(uses_a_tool, **plan("garbage"))
    with pytest.raises(json.JSONDecodeError):
        (await http(simulator).post("/v1/messages", json=BODY)).json()


async def test_a_web_page_with_status_200(start: Start, http: Any) -> None:
    simulator = await start(uses_a_tool, **plan("html"))
    response = await http(simulator).post("/v1/messages", json=STREAMED)
    assert (response.status_code, response.headers["content-type"]) == (
        200,
        "text/html; charset=utf-8",
    )


async def test_max_tokens_in_the_middle_of_a_tool_input(start: Start, http: Any) -> None:
    simulator = await start(uses_a_tool, **plan("max_tokens"))
    seen = events((await http(simulator).post("/v1/messages", json=STREAMED)).text)
    assert [e["type"] for e in seen[-3:]] == [
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert seen[-2]["delta"]["stop_reason"] == "max_tokens"
    with pytest.raises(json.JSONDecodeError):
        json.loads(inputs(seen))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("refusal", "refusal"),
        ("pause_turn", "pause_turn"),
        ("context_window", "model_context_window_exceeded"),
    ],
)
async def test_other_stop_reasons(start: Start, client: Any, kind: str, reason: str) -> None:
    sdk = client(await start(uses_a_tool, **plan(kind)))
    message = await sdk.messages.create(**BODY)
    assert message.stop_reason == reason
    assert [block.type for block in message.content] == ["text"]
    assert (message.stop_details is not None) == (kind == "refusal")


async def test_a_paused_answer_is_gone_on_with(start: Start, http: Any) -> None:
    def script(c: Conversation) -> Answer:
        return answer(Think("Hm."), Say(f"answer {c.turn}"))

    client = http(await start(script, **plan("pause_turn")))
    paused = (await client.post("/v1/messages", json=BODY)).json()
    assert paused["stop_reason"] == "pause_turn"
    more = {"role": "assistant", "content": paused["content"]}
    sent = {**BODY, "messages": [*BODY["messages"], more]}
    went_on = (await client.post("/v1/messages", json=sent)).json()
    assert went_on["content"][-1]["text"] == "answer 2"
    other = {"role": "assistant", "content": [{"type": "text", "text": "other"}]}
    sent = {**BODY, "messages": [*BODY["messages"], other]}
    assert (await client.post("/v1/messages", json=sent)).status_code == 400


async def test_a_tool_that_is_not_there(start: Start, client: Any) -> None:
    sdk = client(await start(lambda c: answer(Report({"a": 1})), **plan("unknown_tool")))
    message = await sdk.messages.create(**BODY)
    assert message.stop_reason == "tool_use"
    assert message.content[-1].name not in {"Read"}


async def test_a_tool_input_that_is_broken_in_a_whole_answer(start: Start, http: Any) -> None:
    simulator = await start(uses_a_tool, **plan("broken_input"))
    seen = events((await http(simulator).post("/v1/messages", json=STREAMED)).text)
    assert seen[-1]["type"] == "message_stop"
    assert seen[-2]["delta"]["stop_reason"] == "tool_use"
    with pytest.raises(json.JSONDecodeError):
        json.loads(inputs(seen))


async def test_faults_meet_an_agent_a_turn_and_an_attempt(start: Start, http: Any) -> None:
    faults = plan("status", status=500, role="builder", turn=1, attempts=[2, 3])
    client = http(await start(uses_a_tool, **faults))
    sent = {**BODY, "system": system("builder.1", "builder")}
    statuses = [(await client.post("/v1/messages", json=sent)).status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    other = {**BODY, "system": system("scout", "scout")}
    assert (await client.post("/v1/messages", json=other)).status_code == 200


async def test_a_scenario_gives_faults_of_its_own(start: Start, http: Any) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=503)
    client = http(await start(lambda c: answer(Say("x"), fault=fault)))
    for _ in range(2):
        assert (await client.post("/v1/messages", json=BODY)).status_code == 503
    client = http(await start(lambda c: answer(Say("x"), fault=fault, fault_attempts=2)))
    statuses = [(await client.post("/v1/messages", json=BODY)).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]


async def test_a_scenario_that_fails_is_refused_for_good(
    start: Start, http: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(c: Conversation) -> Answer:
        raise KeyError("missing")

    response = await http(await start(broken)).post("/v1/messages", json=BODY)
    assert response.status_code == 400
    assert "scenario failed: KeyError" in response.json()["error"]["message"]
    assert "KeyError" in capsys.readouterr().err
    client = http(await start(lambda c: answer(Use("Write", {}))))
    response = await client.post("/v1/messages", json=BODY)
    assert "Write" in response.json()["error"]["message"]


async def test_latency_comes_before_the_first_byte(start: Start, http: Any) -> None:
    slow = http(await start(lambda c: answer(Say("x"), latency=3600)))
    with pytest.raises(httpx2.ReadTimeout):
        await slow.post("/v1/messages", json=BODY, timeout=0.3)
    fast = http(await start(lambda c: answer(Say("x"), latency=0), latency=3600))
    assert (await fast.post("/v1/messages", json=BODY)).status_code == 200


async def test_stream_seconds_are_spread_over_the_stream(start: Start, http: Any) -> None:
    received = await received_until_timeout(http(await start(uses_a_tool, stream_seconds=3600)))
    assert b"message_start" in received
    assert b"content_block_delta" not in received


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere.json", "no fault plan in nowhere.json"),
        ("{nothing", "wrong at its top"),
        ('{"faults": [{"kind": "status"}]}', "faults.0"),
        ('{"faults": [{"kind": "boom", "call": 1}]}', "faults.0.kind"),
        ('{"faults": [{"kind": "eof", "call": 0}]}', "faults.0.call"),
    ],
)
def test_a_wrong_plan_is_refused_in_one_line(source: str, words: str) -> None:
    with pytest.raises(CadreError) as caught:
        load_plan(source)
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_a_plan_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text('{"faults": [{"kind": "eof", "agent_id": "builder.1", "turn": 2}]}')
    (fault,) = load_plan(str(file)).faults
    who: dict[str, Any] = {"agent_id": "builder.1", "role": "builder", "turn": 2}
    assert fault.meets(call=9, attempt=1, **who)
    assert not fault.meets(call=9, attempt=2, **who)
