"""Every rule refuses what breaks it, as the service does, and nothing else."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from cadre.simulator.caching import PromptCache
from cadre.simulator.checks import check_request
from cadre.simulator.conversation import read_conversation
from cadre.simulator.errors import ApiError
from cadre.simulator.server import Simulator, running
from cadre.simulator.thinking import check_thinking

from .conftest import HEADERS, Scripted, Start, tool

one_loop = pytest.mark.asyncio(loop_scope="module")

USE: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}
RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "text"}
MARK = {"type": "ephemeral"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[tuple[Simulator, httpx2.AsyncClient]]:
    """One simulator for all rules, and a client."""
    async with (
        running(Scripted()) as simulator,
        httpx2.AsyncClient(base_url=simulator.base_url, headers=HEADERS) as client,
    ):
        yield simulator, client


def body(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "model": "claude-opus-5-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello"}],
    }
    return {k: v for k, v in {**base, **changes}.items() if v is not ...}


def said(*contents: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": c} for n, c in enumerate(contents)]
    return body(messages=messages)


def marked(count: int) -> list[dict[str, Any]]:
    return [{"type": "text", "text": f"part {n}", "cache_control": MARK} for n in range(count)]


def output(schema: Any) -> dict[str, Any]:
    return body(output_config={"format": {"type": "json_schema", "schema": schema}})


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


RECURSIVE = {**closed(next={"$ref": "#/$defs/Node"})}
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no model": (body(model=...), 400, "model: Field required"),
    "no messages": (body(messages=...), 400, "messages: Field required"),
    "no max_tokens": (body(max_tokens=...), 400, "max_tokens: Field required"),
    "unknown field": (body(max_token=1), 400, "max_token: Extra inputs"),
    "unknown model": (body(model="claude-nothing-9"), 404, "claude-nothing-9"),
    "max_tokens is no number": (body(max_tokens="5"), 400, "valid integer"),
    "max_tokens is negative": (body(max_tokens=-1), 400, "greater than or equal"),
    "max_tokens too large": (body(max_tokens=128_001), 400, "128000"),
    "prompt too long": (said("x" * 4_100_000), 400, "prompt is too long"),
    "no message": (body(messages=[]), 400, "at least one message"),
    "unknown role": (body(messages=[{"role": "tool", "content": "x"}]), 400, "role"),
    "system role": (body(messages=[{"role": "system", "content": "x"}]), 400, "role"),
    "assistant first": (body(messages=[{"role": "assistant", "content": "x"}]), 400, "first"),
    "prefill": (said("x", "so:"), 400, "prefill"),
    "prefill on haiku": (
        body(model="claude-haiku-5-5", messages=said("x", "so:")["messages"]),
        400,
        "prefill",
    ),
    "empty content": (said(""), 400, "non-empty content"),
    "empty list": (said([]), 400, "non-empty content"),
    "blank text": (said([{"type": "text", "text": "  "}]), 400, "non-whitespace"),
    "unknown block": (said([{"type": "video"}]), 400, "not allowed here"),
    "unknown block field": (said([{"type": "text", "text": "x", "id": "1"}]), 400, "Extra inputs"),
    "tool use by the user": (said([USE]), 400, "not allowed here"),
    "result by the assistant": (said("x", [RESULT], "y"), 400, "not allowed here"),
    "use without result": (said("x", [USE], "y"), 400, "very next message"),
    "use at the end": (
        body(model="claude-haiku-4-5", messages=said("x", [USE])["messages"]),
        400,
        "at the end",
    ),
    "one of two results": (
        said("x", [USE, {**USE, "id": "toolu_2"}], [RESULT]),
        400,
        "missing: toolu_2",
    ),
    "result after text": (said("x", [USE], [{"type": "text", "text": "y"}, RESULT]), 400, "first"),
    "result too late": (said("x", [USE], [RESULT], "so", [RESULT]), 400, "unexpected"),
    "unknown result id": (
        said("x", [USE], [{**RESULT, "tool_use_id": "toolu_9"}]),
        400,
        "unexpected `tool_use_id` toolu_9",
    ),
    "two results for one use": (said("x", [USE], [RESULT, RESULT]), 400, "single result"),
    "duplicate use ids": (said("x", [USE, USE], [RESULT]), 400, "must be unique"),
    "duplicate ids across turns": (
        said("x", [USE], [RESULT], [USE], [RESULT]),
        400,
        "must be unique",
    ),
    "bad use id": (said("x", [{**USE, "id": "a b"}], "y"), 400, "pattern"),
    "input is no object": (said("x", [{**USE, "input": "{}"}], "y"), 400, "input"),
    "empty error": (
        said("x", [USE], [{**RESULT, "content": "", "is_error": True}]),
        400,
        "cannot be empty",
    ),
    "tool without schema": (body(tools=[{"name": "Read"}]), 400, "tools.0.input_schema"),
    "tool schema is no object": (
        body(tools=[{"name": "Read", "input_schema": {"type": "string"}}]),
        400,
        "tools.0.input_schema.type",
    ),
    "tool properties": (
        body(tools=[{"name": "Read", "input_schema": {"type": "object", "properties": []}}]),
        400,
        "properties",
    ),
    "tool required": (
        body(tools=[{"name": "Read", "input_schema": {"type": "object", "required": "a"}}]),
        400,
        "required",
    ),
    "tool name": (body(tools=[tool("Read file")]), 400, "pattern"),
    "tool name too long": (body(tools=[tool("a" * 129)]), 400, "pattern"),
    "tool names twice": (body(tools=[tool("Read"), tool("Read")]), 400, "unique"),
    "strict tool": (body(tools=[{**tool("Read"), "strict": True}]), 400, "additionalProperties"),
    "forced tool": (body(tools=[tool("Read")], tool_choice={"type": "any"}), 400, "tool_choice"),
    "unknown tool choice": (
        body(
            model="claude-opus-5",
            tools=[tool("Read")],
            tool_choice={"type": "tool", "name": "Write"},
        ),
        400,
        "Write not found",
    ),
    "choice without tools": (body(tool_choice={"type": "auto"}), 400, "tools"),
    "temperature": (body(temperature=0.5), 400, "sampling"),
    "top_p": (body(top_p=0.9), 400, "sampling"),
    "top_k": (body(top_k=5), 400, "sampling"),
    "temperature out of range": (body(model="claude-haiku-4-5", temperature=2), 400, "0 to 1"),
    "thinking off": (body(thinking={"type": "disabled"}), 400, "claude-opus-5-5"),
    "thinking budget": (
        body(thinking={"type": "enabled", "budget_tokens": 2000}),
        400,
        "claude-opus-5-5",
    ),
    "adaptive on an old model": (
        body(model="claude-haiku-4-5", thinking={"type": "adaptive"}),
        400,
        "claude-haiku-4-5",
    ),
    "unknown display": (body(thinking={"type": "adaptive", "display": "all"}), 400, "display"),
    "unknown effort": (body(output_config={"effort": "huge"}), 400, "effort"),
    "effort on an old model": (
        body(model="claude-haiku-4-5", output_config={"effort": "low"}),
        400,
        "effort",
    ),
    "unknown format": (body(output_config={"format": {"type": "json"}}), 400, "json_schema"),
    "open object": (output({"type": "object", "properties": {}}), 400, "additionalProperties"),
    "open object within": (
        output(closed(a={"type": "array", "items": {"type": "object"}})),
        400,
        "properties.a.items",
    ),
    "minimum": (output(closed(a={"type": "integer", "minimum": 1})), 400, "minimum"),
    "maxLength": (output(closed(a={"type": "string", "maxLength": 1})), 400, "maxLength"),
    "minItems": (
        output(closed(a={"type": "array", "items": {"type": "string"}, "minItems": 2})),
        400,
        "minItems",
    ),
    "oneOf": (output(closed(a={"oneOf": [{"type": "string"}]})), 400, "oneOf"),
    "no type": (output(closed(a={"description": "x"})), 400, "needs a type"),
    "unknown reference": (output(closed(a={"$ref": "#/$defs/B"})), 400, "not defined"),
    "recursive schema": (
        output({**RECURSIVE, "$defs": {"Node": RECURSIVE}}),
        400,
        "Recursive",
    ),
    "five breakpoints": (said(marked(5)), 400, "at most 4"),
    "four and the automatic one": (
        {**said(marked(4)), "cache_control": MARK},
        400,
        "at most 4",
    ),
    "unknown cache type": (body(cache_control={"type": "for ever"}), 400, "ephemeral"),
    "unknown ttl": (body(cache_control={**MARK, "ttl": "1d"}), 400, "ttl"),
    "long ttl after short": (
        body(
            system=[{"type": "text", "text": "x", "cache_control": MARK}],
            cache_control={**MARK, "ttl": "1h"},
        ),
        400,
        "must not come after",
    ),
    "system is no text": (body(system=[{"type": "image"}]), 400, "system.0"),
}


@one_loop
@pytest.mark.parametrize("name", REFUSED)
async def test_refuses(shared: tuple[Simulator, httpx2.AsyncClient], name: str) -> None:
    sent, status, words = REFUSED[name]
    simulator, client = shared
    response = await client.post("/v1/messages", json=sent)
    answer = response.json()
    kind = {400: "invalid_request_error", 404: "not_found_error"}[status]
    assert (response.status_code, answer["type"]) == (status, "error")
    assert answer["error"]["type"] == kind
    assert words in answer["error"]["message"]
    assert answer["request_id"] == response.headers["request-id"]
    call = simulator.requests.calls[-1]
    assert (call.outcome, call.paid, call.status) == ("refused", False, status)


ACCEPTED: dict[str, dict[str, Any]] = {
    "the least": body(),
    "no tokens, to warm the cache": body(max_tokens=0),
    "consecutive users": body(
        messages=[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    ),
    "parallel results in any order, then text": said(
        "x",
        [USE, {**USE, "id": "toolu_2"}],
        [{**RESULT, "tool_use_id": "toolu_2"}, RESULT, {"type": "text", "text": "go on"}],
    ),
    "results over two messages of one turn": body(
        messages=[
            *said("x", [USE, {**USE, "id": "toolu_2"}], [RESULT])["messages"],
            {"role": "user", "content": [{**RESULT, "tool_use_id": "toolu_2"}]},
        ]
    ),
    "prefill on an old model": body(
        model="claude-haiku-4-5", messages=said("x", "so:")["messages"]
    ),
    "sampling on an old model": body(model="claude-haiku-4-5", temperature=0.2, top_k=3),
    "default temperature": body(temperature=1),
    "forced tool where it may be": body(
        model="claude-opus-5", tools=[tool("Read")], tool_choice={"type": "tool", "name": "Read"}
    ),
    "thinking off where it may be": body(model="claude-haiku-5-5", thinking={"type": "disabled"}),
    "schema with definitions": output(
        {
            **closed(a={"$ref": "#/$defs/A"}, b={"anyOf": [{"type": "null"}, {"const": 1}]}),
            "$defs": {"A": {"enum": ["x", "y"]}},
        }
    ),
    "four breakpoints": said(marked(4)),
    "two ttls": body(
        system=[{"type": "text", "text": "x", "cache_control": {**MARK, "ttl": "1h"}}],
        cache_control=MARK,
    ),
}


@one_loop
@pytest.mark.parametrize("name", ACCEPTED)
async def test_accepts(shared: tuple[Simulator, httpx2.AsyncClient], name: str) -> None:
    response = await shared[1].post("/v1/messages", json=ACCEPTED[name])
    assert response.status_code == 200, response.text
    assert response.json()["type"] == "message"


@pytest.mark.parametrize("name", ["unknown model", "forced tool", "use without result"])
@one_loop
async def test_token_counting_checks_the_same(
    shared: tuple[Simulator, httpx2.AsyncClient], name: str
) -> None:
    sent, status, words = REFUSED[name]
    counted = {k: v for k, v in sent.items() if k != "max_tokens"}
    response = await shared[1].post("/v1/messages/count_tokens", json=counted)
    assert response.status_code == status
    assert words in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "x-api-key"),
        ({**HEADERS, "x-api-key": "wrong"}, 401, "invalid x-api-key"),
        ({"anthropic-version": "1", "authorization": "Bearer wrong"}, 401, "invalid"),
        ({"x-api-key": "right"}, 400, "anthropic-version"),
        ({"anthropic-version": "2023-06-01", "x-api-key": "right"}, 200, ""),
        ({"anthropic-version": "2023-06-01", "authorization": "Bearer right"}, 200, ""),
    ],
)
async def test_keys_and_version(
    start: Start, headers: dict[str, str], status: int, words: str
) -> None:
    simulator = await start(key="right")
    async with httpx2.AsyncClient(base_url=simulator.base_url) as client:
        response = await client.post("/v1/messages", json=body(), headers=headers)
    assert response.status_code == status
    assert words in response.text
    if status == 401:
        assert response.json()["error"]["type"] == "authentication_error"
    assert "right" not in response.text


async def test_what_is_no_request(start: Start, http: Any) -> None:
    client = http(await start())
    garbage = await client.post("/v1/messages", content=b"{nothing")
    assert garbage.status_code == 400
    assert "not valid JSON" in garbage.json()["error"]["message"]
    assert (await client.post("/v1/messages", json=[1])).status_code == 400
    lost = await client.get("/v1/nothing")
    assert (lost.status_code, lost.json()["error"]["type"]) == (404, "not_found_error")
    assert (await client.get("/v1/messages")).status_code == 405
    huge = await client.post("/v1/messages", content=b" " * (32 * 1024 * 1024 + 1))
    assert (huge.status_code, huge.json()["error"]["type"]) == (413, "request_too_large")


FULL: dict[str, Any] = {
    **said(
        "x",
        [{"type": "thinking", "thinking": "", "signature": "eyJhIjoxfQ=="}, USE],
        [{**RESULT, "content": [{"type": "text", "text": "y"}], "cache_control": MARK}],
    ),
    "system": [{"type": "text", "text": "s", "cache_control": MARK}],
    "tools": [{**tool("Read"), "cache_control": MARK}],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "adaptive", "display": "omitted"},
    "cache_control": MARK,
    "temperature": 1,
    "output_config": {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                **closed(a={"$ref": "#/$defs/A"}, b={"type": "array", "items": {"const": 1}}),
                "$defs": {"A": {"anyOf": [{"type": "string"}]}},
            },
        },
    },
}
JUNK = st.sampled_from([None, True, 0, -1, 1.5, "", "x", [], [1], ["x"], {}, {"type": "text"}])


def _items(value: Any) -> Any:
    return value.items() if isinstance(value, dict) else enumerate(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = []
    for key, part in _items(value):
        found.append((*path, key))
        if isinstance(part, dict | list):
            found += places(part, (*path, key))
    return found


@given(st.lists(st.tuples(st.sampled_from(places(FULL)), JUNK), min_size=1, max_size=3))
def test_whatever_is_wrong_is_a_refusal_and_no_crash(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    sent = copy.deepcopy(FULL)
    for path, junk in changes:
        target: Any = sent
        for step in path[:-1]:
            if not isinstance(target, dict | list) or step not in dict(_items(target)):
                break
            target = target[step]
        else:
            if isinstance(target, dict) or (
                isinstance(target, list) and path[-1] in range(len(target))
            ):
                target[path[-1]] = copy.deepcopy(junk)
    with contextlib.suppress(ApiError):
        prompt = check_request(sent)
        check_thinking(prompt)
        PromptCache().read(prompt)
        read_conversation(prompt)
