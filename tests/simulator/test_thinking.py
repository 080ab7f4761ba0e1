"""Thinking blocks are bound to the model and to what came before them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Say, Think, Use, answer

from .conftest import Start, tool

Body = dict[str, Any]


def script(c: Conversation) -> Answer:
    if c.turn < 4:
        return answer(Think(f"thought {c.turn}"), Use("Read", {"path": f"file {c.turn}"}))
    return answer(Say("done"))


def opening(model: str = "claude-opus-5-5") -> Body:
    return {
        "model": model,
        "max_tokens": 100,
        "system": "Be brief.",
        "tools": [tool("Read")],
        "messages": [{"role": "user", "content": "go"}],
        "thinking": {"type": "adaptive", "display": "summarized"},
    }


async def grow(http: Any, body: Body, turns: int) -> Body:
    """The conversation after so many answered tool uses."""
    body = copy.deepcopy(body)
    for _ in range(turns):
        response = await http.post("/v1/messages", json=body)
        content = response.json()["content"]
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "text"}
            for block in content
            if block["type"] == "tool_use"
        ]
        body["messages"] += [
            {"role": "assistant", "content": content},
            {"role": "user", "content": results},
        ]
    return body


def change(body: Body, *path: Any, value: Any) -> None:
    target: Any = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value


def drop(body: Body, *messages: int) -> None:
    for message in messages:
        blocks = body["messages"][message]["content"]
        body["messages"][message]["content"] = [b for b in blocks if b["type"] != "thinking"]


def swap_thoughts(body: Body) -> None:
    one, two = body["messages"][1]["content"], body["messages"][3]["content"]
    one[0], two[0] = two[0], one[0]


EDITS: dict[str, tuple[Callable[[Body], None], str]] = {
    "altered text": (
        lambda b: change(b, "messages", 1, "content", 0, "thinking", value="other"),
        "messages.1.content.0: Invalid `signature`",
    ),
    "altered signature": (
        lambda b: change(b, "messages", 1, "content", 0, "signature", value="c2lnbmVk"),
        "messages.1.content.0: Invalid `signature`",
    ),
    "another model": (lambda b: change(b, "model", value="claude-sonnet-5-5"), "cannot read it"),
    "another system prompt": (
        lambda b: change(b, "system", value="Be long."),
        "bound to a different conversation",
    ),
    "another tool": (
        lambda b: change(b, "tools", 0, "description", value="Other."),
        "bound to a different conversation",
    ),
    "another first message": (
        lambda b: change(b, "messages", 0, "content", value="stop"),
        "messages.1.content.0: Invalid `signature`",
    ),
    "another tool result": (
        lambda b: change(b, "messages", 2, "content", 0, "content", value="other"),
        "messages.3.content.0: Invalid `signature`",
    ),
    "moved": (swap_thoughts, "bound to a different conversation"),
    "one in the middle left out": (
        lambda b: drop(b, 3),
        "messages.5.content.0: Invalid `signature`",
    ),
    "the last one left out": (lambda b: drop(b, 5), "expected `thinking`"),
}


@pytest.mark.parametrize("name", EDITS)
async def test_refuses_a_changed_past(start: Start, http: Any, name: str) -> None:
    client = http(await start(script))
    body = await grow(client, opening(), 3)
    assert (await client.post("/v1/messages", json=body)).status_code == 200
    edit, words = EDITS[name]
    edit(body)
    response = await client.post("/v1/messages", json=body)
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


ALLOWED: dict[str, Callable[[Body], None]] = {
    "the oldest left out": lambda b: drop(b, 1),
    "the two oldest left out": lambda b: drop(b, 1, 3),
    "another effort": lambda b: change(b, "output_config", value={"effort": "low"}),
    "more tokens": lambda b: change(b, "max_tokens", value=5000),
    "cache marks moved": lambda b: change(
        b, "messages", 0, "content", 0, "cache_control", value={"type": "ephemeral"}
    ),
    "system as a block": lambda b: change(
        b, "system", value=[{"type": "text", "text": "Be brief."}]
    ),
    "a null more": lambda b: change(b, "messages", 1, "content", 1, "caller", value=None),
}


@pytest.mark.parametrize("name", ALLOWED)
async def test_allows_what_changes_nothing(start: Start, http: Any, name: str) -> None:
    client = http(await start(script))
    first = opening()
    first["messages"][0]["content"] = [{"type": "text", "text": "go"}]
    body = await grow(client, first, 3)
    ALLOWED[name](body)
    response = await client.post("/v1/messages", json=body)
    assert response.status_code == 200, response.text


async def test_a_signature_outlives_a_restart(start: Start, http: Any) -> None:
    body = await grow(http(await start(script)), opening(), 2)
    assert (await http(await start(script)).post("/v1/messages", json=body)).status_code == 200


async def test_another_model_goes_on_without_the_thinking(start: Start, http: Any) -> None:
    client = http(await start(script))
    body = await grow(client, opening(), 2)
    for message in (1, 3):
        drop(body, message)
    body["model"] = "claude-haiku-5-5"
    assert (await client.post("/v1/messages", json=body)).status_code == 200


async def test_token_counting_checks_thinking(start: Start, http: Any) -> None:
    client = http(await start(script))
    body = await grow(client, opening(), 1)
    body["system"] = "Other."
    del body["max_tokens"]
    response = await client.post("/v1/messages/count_tokens", json=body)
    assert response.status_code == 400


async def test_hidden_thinking_is_bound_as_well(start: Start, http: Any) -> None:
    client = http(await start(script))
    body = await grow(client, {**opening(), "thinking": {"type": "adaptive"}}, 2)
    assert body["messages"][1]["content"][0]["thinking"] == ""
    assert (await client.post("/v1/messages", json=body)).status_code == 200
    body["messages"][0]["content"] = "other"
    assert (await client.post("/v1/messages", json=body)).status_code == 400
