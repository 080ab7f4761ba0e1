"""What is sent: an agent's frame, its context, and the marks for the prompt cache."""

from __future__ import annotations

import copy
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.agents import Agent, AgentDefinition, Role
from cadre.domain.reports import REPORT_TYPES
from cadre.domain.usage import Model, Price, Rates, Usage
from cadre.llm.prompts import MAX_CONTEXT_BYTES, context_text
from cadre.llm.requests import (
    SERVICE_TOKENS,
    make_frame,
    make_request,
    prompt_bound,
    thinks_adaptively,
    tool_result,
)
from cadre.llm.segment import Frame, Message, Segment

RATES = Rates(input=4, output=20, cache_read=0.4, cache_write_5m=5, cache_write_1h=8)
MODEL = Model(
    id="claude-opus-5-5", context_window=200_000, max_output_tokens=64_000, price=Price(base=RATES)
)
DEFINITION = AgentDefinition(
    name="scout", description="looks", instructions="Look {around}.", source="built-in", sha256="0"
)
TOOLS = [{"name": "Read", "description": "reads", "input_schema": {"type": "object"}}]


def agent(report: str = "ScoutReport", *, writes: bool = False, **changes: Any) -> Agent:
    role = Role(name="scout", report=report, writes=writes)
    made = Agent(
        name="scout",
        role=role,
        definition_key="d",
        sha256="0",
        source="built-in",
        tools=("Read",),
        model=MODEL,
    )
    return made.model_copy(update=changes)


def frame(**changes: Any) -> Frame:
    return make_frame("scout.2", agent(**changes), DEFINITION, TOOLS)


def talk(*roles: str) -> list[Message]:
    return [{"role": role, "content": [{"type": "text", "text": role}]} for role in roles]


def marks(request: dict[str, Any]) -> list[int]:
    """The messages that carry a mark of the prompt cache."""
    return [i for i, m in enumerate(request["messages"]) if "cache_control" in m["content"][-1]]


def test_the_first_line_says_who_the_agent_is() -> None:
    lines = frame().system.splitlines()
    assert lines[0] == 'You are the agent "scout.2" in the role "scout".'
    assert lines[-1] == "Look {around}."


def test_the_frame_tells_readers_from_writers() -> None:
    assert "only read it" in frame().system
    assert "only read it" not in frame(role=Role(name="b", report="Plan", writes=True)).system


@pytest.mark.parametrize("report", sorted(REPORT_TYPES))
def test_a_reports_schema_is_of_the_kind_that_the_service_takes(report: str) -> None:
    text = json.dumps(frame(role=Role(name="r", report=report)).output_config["format"]["schema"])
    schema = json.loads(text)
    objects = [schema, *schema.get("$defs", {}).values()]
    for one in [o for o in objects if o.get("type") == "object"]:
        assert one["additionalProperties"] is False
        assert sorted(one["required"]) == sorted(one["properties"])
    for unsupported in ("minimum", "maximum", "minLength", "maxLength", "pattern", "default"):
        assert f'"{unsupported}":' not in text


def test_effort_and_thinking_are_sent_where_a_model_takes_them() -> None:
    new = frame(effort="low")
    assert new.thinking == {"type": "adaptive", "display": "summarized"}
    assert new.output_config["effort"] == "low"
    old = frame(effort="low", model=MODEL.model_copy(update={"id": "claude-haiku-4-5"}))
    assert old.thinking is None
    assert "effort" not in old.output_config
    between = frame(effort="low", model=MODEL.model_copy(update={"id": "claude-opus-4-5"}))
    assert between.thinking is None
    assert between.output_config["effort"] == "low"


def test_the_current_models_think_adaptively() -> None:
    assert all(
        thinks_adaptively(name)
        for name in ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-4-6")
    )
    assert not thinks_adaptively("claude-haiku-4-5-20251001")


def test_nothing_is_sent_that_current_models_refuse() -> None:
    request = make_request(MODEL, frame(), talk("user"), 100)
    assert not {"temperature", "top_p", "top_k", "tool_choice"} & set(request)
    assert request["messages"][-1]["role"] == "user"
    assert (request["model"], request["max_tokens"]) == ("claude-opus-5-5", 100)


@pytest.mark.parametrize(
    ("roles", "marked"),
    [
        (("user",), [0]),
        (("user", "assistant", "user"), [0, 2]),
        (("user", "assistant", "user", "assistant", "user"), [2, 4]),
        (("user", "assistant", "user", "assistant"), [0, 2]),
    ],
)
def test_the_cache_is_read_where_the_last_request_wrote_it(
    roles: tuple[str, ...], marked: list[int]
) -> None:
    messages = talk(*roles)
    before = copy.deepcopy(messages)
    request = make_request(MODEL, frame(), messages, 100)
    assert marks(request) == marked
    assert "cache_control" in request["system"][-1]
    assert json.dumps(request).count("cache_control") <= 4
    assert messages == before  # what was said is never altered


@given(st.binary(max_size=200), st.booleans())
def test_no_text_can_leave_its_fence(data: bytes, copied: bool) -> None:
    if copied:  # a text that has seen an earlier fence
        data += context_text("t", data, trusted=False).encode()
    text = context_text("Report\nof x", data, trusted=False)
    mark = re.findall(r'</data id="([0-9a-f]{16})">\Z', text)[0]
    assert text.count(f'<data id="{mark}">') == 1
    assert text.count(f'</data id="{mark}">') == 1
    assert text.startswith("## Report of x\n")


def test_what_is_too_long_to_read_at_once_says_so() -> None:
    text = context_text("diff", b"x" * (MAX_CONTEXT_BYTES + 1), trusted=True)
    assert f"the first {MAX_CONTEXT_BYTES} of {MAX_CONTEXT_BYTES + 1} bytes" in text
    assert "<data" not in text


def test_an_error_without_a_word_gets_one() -> None:
    assert tool_result("u", "", is_error=True)["content"]


def test_the_first_prompt_has_at_most_a_token_for_each_byte() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "é" * 1000}]}
    bound = prompt_bound(frame(), None, message, MODEL)
    sent = len(frame().system.encode()) + 2000
    assert sent + SERVICE_TOKENS < bound < sent + SERVICE_TOKENS + 4000


def test_later_prompts_start_from_what_the_service_counted() -> None:
    usage = Usage(input_tokens=5, cache_read_tokens=1000, output_tokens=300)
    last = Segment(
        user=None,
        assistant=talk("x")[0]["content"],
        stop_reason="tool_use",
        usage=usage,
        cost_usd=Decimal(0),
        attempt=1,
        model="m",
    )
    assert prompt_bound(frame(), last, None, MODEL) == 1305
    message = talk("user")[0]
    size = len(json.dumps(message))
    assert prompt_bound(frame(), last, message, MODEL) == 1305 + size
    small = MODEL.model_copy(update={"context_window": 1310})
    assert prompt_bound(frame(), last, message, small) == 1310
