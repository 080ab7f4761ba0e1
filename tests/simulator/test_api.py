"""The SDK works against the simulator as against the service."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import pytest

from cadre.domain.reports import REPORT_TYPES
from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Say, Think, Use, answer
from cadre.simulator.server import running

from .conftest import Scripted, Start, system, tool

HELLO: Any = [{"role": "user", "content": "hello"}]
SHOWN: Any = {"type": "adaptive", "display": "summarized"}
LONG = "a long line of text, " * 20


def two_tools(c: Conversation) -> Answer:
    if not c.exchanges:
        uses = (Use("Read", {"path": LONG}), Use("Grep", {"path": 'é\n"x"'}))
        return answer(Think("I look."), *uses)
    return answer(Say(f"saw {', '.join(e.result for e in c.exchanges)}"))


async def test_a_message_with_usage(start: Start, client: Any) -> None:
    message = await client(await start()).messages.create(
        model="claude-haiku-5-5", max_tokens=100, messages=HELLO
    )
    assert [block.text for block in message.content] == ["Hello there."]
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens == 3
    assert message.usage.cache_read_input_tokens == 0


async def test_a_tool_round_trip_streamed(start: Start, client: Any) -> None:
    sdk = client(await start(two_tools))
    asked: dict[str, Any] = {
        "model": "claude-opus-5-5",
        "max_tokens": 1000,
        "tools": [tool("Read"), tool("Grep")],
        "thinking": SHOWN,
    }
    async with sdk.messages.stream(messages=HELLO, **asked) as stream:
        names = [event.type async for event in stream]
        first = await stream.get_final_message()
    assert names[0] == "message_start"
    assert names[-1] == "message_stop"
    assert names.count("input_json") > 10
    assert [block.type for block in first.content] == ["thinking", "tool_use", "tool_use"]
    assert first.content[0].thinking == "I look."
    assert first.content[0].signature
    assert first.content[1].input == {"path": LONG}
    assert first.content[2].input == {"path": 'é\n"x"'}
    assert first.stop_reason == "tool_use"
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": f"result of {block.name}"}
        for block in first.content[1:]
    ]
    messages = [
        *HELLO,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    last = await sdk.messages.create(messages=messages, **asked)
    assert last.content[-1].text == "saw result of Read, result of Grep"


async def test_the_same_answer_streamed_and_not(start: Start, client: Any) -> None:
    sdk = client(await start(two_tools))
    asked: dict[str, Any] = {
        "model": "claude-opus-5-5",
        "max_tokens": 1000,
        "tools": [tool("Read"), tool("Grep")],
        "messages": HELLO,
    }
    whole = await sdk.messages.create(**asked)
    async with sdk.messages.stream(**asked) as stream:
        streamed = await stream.get_final_message()

    def essence(message: Any) -> Any:
        dumped = message.model_dump(exclude={"id"}, exclude_none=True)
        for block in dumped["content"]:
            block.pop("id", None)
        return dumped

    assert essence(whole) == essence(streamed)


async def test_thinking_is_signed_but_empty_unless_shown(start: Start, client: Any) -> None:
    sdk = client(await start(lambda c: answer(Think("Hm."), Say("Yes."))))
    hidden = await sdk.messages.create(model="claude-opus-5-5", max_tokens=100, messages=HELLO)
    assert hidden.content[0].thinking == ""
    assert hidden.content[0].signature
    assert hidden.usage.output_tokens_details.thinking_tokens == 1
    off = await sdk.messages.create(
        model="claude-haiku-5-5", max_tokens=100, messages=HELLO, thinking={"type": "disabled"}
    )
    assert [block.type for block in off.content] == ["text"]


async def test_text_before_tools_comes_as_thinking_where_the_model_does_so(
    start: Start, client: Any
) -> None:
    sdk = client(await start(lambda c: answer(Say("I look."), Use("Read", {"path": "a"}))))
    asked: dict[str, Any] = {"max_tokens": 100, "messages": HELLO, "tools": [tool("Read")]}
    newer = await sdk.messages.create(model="claude-sonnet-5-5", **asked)
    assert [block.type for block in newer.content] == ["thinking", "tool_use"]
    for model, thinking in (
        ("claude-sonnet-5-5", {"type": "between_tools"}),
        ("claude-opus-5", {"type": "adaptive"}),
    ):
        other = await sdk.messages.create(model=model, thinking=thinking, **asked)
        assert [block.type for block in other.content] == ["text", "tool_use"]


@pytest.mark.parametrize("name", REPORT_TYPES)
async def test_structured_output_is_the_report_as_json(
    start: Start, client: Any, name: str
) -> None:
    report = {"summary": "fine", "steps": [], "checks": []}
    sdk = client(await start(lambda c: answer(Report(report))))
    schema = anthropic.transform_schema(REPORT_TYPES[name])
    message = await sdk.messages.create(
        model="claude-opus-5-5",
        max_tokens=1000,
        messages=HELLO,
        output_config={"format": {"type": "json_schema", "schema": schema}, "effort": "low"},
    )
    assert json.loads(message.content[-1].text) == report


async def test_an_answer_is_cut_at_max_tokens(start: Start, client: Any) -> None:
    sdk = client(await start(lambda c: answer(Say("1234567890" * 10))))
    message = await sdk.messages.create(model="claude-haiku-5-5", max_tokens=5, messages=HELLO)
    assert message.stop_reason == "max_tokens"
    assert message.content[0].text == "12345678901234567890"
    assert message.usage.output_tokens == 5


async def test_tokens_are_counted_as_they_are_billed(start: Start, client: Any) -> None:
    sdk = client(await start())
    asked: dict[str, Any] = {
        "model": "claude-haiku-5-5",
        "messages": HELLO,
        "system": "Be brief.",
        "tools": [tool("Read")],
    }
    count = await sdk.messages.count_tokens(**asked)
    message = await sdk.messages.create(max_tokens=10, **asked)
    assert count.input_tokens == message.usage.input_tokens


async def test_models_are_listed(start: Start, client: Any) -> None:
    sdk = client(await start())
    ids = [model.id async for model in sdk.models.list()]
    assert "claude-opus-5-5" in ids
    assert (await sdk.models.retrieve("claude-haiku-5-5")).max_input_tokens == 1_000_000
    with pytest.raises(anthropic.NotFoundError):
        await sdk.models.retrieve("claude-nothing")


async def test_the_sync_client(start: Start) -> None:
    simulator = await start(two_tools)

    def talk() -> tuple[list[str], str]:
        with anthropic.Anthropic(
            base_url=simulator.base_url, auth_token="token", api_key=None, max_retries=0
        ) as sdk:
            tools: Any = [tool("Read"), tool("Grep")]
            with sdk.messages.stream(
                model="claude-opus-5-5", max_tokens=1000, messages=HELLO, tools=tools
            ) as stream:
                events: list[str] = [event.type for event in stream]
                return events, str(stream.get_final_message().stop_reason)

    events, reason = await asyncio.to_thread(talk)
    assert events[-1] == "message_stop"
    assert reason == "tool_use"


async def test_requests_are_counted_by_agent_and_turn_without_keys(
    start: Start, client: Any, http: Any
) -> None:
    simulator = await start(lambda c: answer(Say(f"{c.agent_id} {c.role} {c.turn}")))
    sdk = client(simulator)
    for _ in range(2):
        message = await sdk.messages.create(
            model="claude-haiku-5-5", max_tokens=10, messages=HELLO, system=system()
        )
    assert message.content[-1].text == "builder.1 builder 1"
    assert [call.attempt for call in simulator.requests.of("builder.1", 1)] == [1, 2]
    shown = await http(simulator).get("/simulator/requests")
    assert shown.json()["by_turn"] == [{"agent_id": "builder.1", "turn": 1, "calls": 2, "paid": 2}]
    assert shown.json()["requests"][0]["outcome"] == "answered"
    assert "test-key" not in shown.text


async def test_two_simulators_live_side_by_side(client: Any) -> None:
    async with (
        running(Scripted(lambda c: answer(Say("one")))) as one,
        running(Scripted(lambda c: answer(Say("two")))) as two,
    ):
        assert one.base_url != two.base_url
        texts = [
            (
                await client(simulator).messages.create(
                    model="claude-haiku-5-5", max_tokens=10, messages=HELLO
                )
            )
            .content[0]
            .text
            for simulator in (one, two)
        ]
    assert texts == ["one", "two"]
