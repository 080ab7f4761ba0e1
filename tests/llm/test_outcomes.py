"""What is kept of an answer, and what the turn came to."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from cadre.domain.reports import MAX_REPORT_BYTES, ScoutReport
from cadre.domain.turns import (
    BadReport,
    Declined,
    Interrupted,
    Outcome,
    Reported,
    ToolsWanted,
    ToolUse,
)
from cadre.llm.outcomes import EMPTY_ANSWER, MAX_TOOL_USES, kept_content, outcome_of
from cadre.llm.segment import Block, Segment
from cadre.llm.stream import Accumulator
from tests.llm.service import Event, message, say, think, use

REPORT = {"summary": "All is well.", "facts": [], "files": [], "risks": []}


def segment(events: list[Event]) -> Segment:
    accumulator = Accumulator()
    for event in events:
        accumulator.feed(json.dumps(event))
    answer = accumulator.finish()
    return Segment(
        user=None,
        assistant=kept_content(answer),
        stop_reason=answer.stop_reason,
        stop_details=answer.stop_details,
        invalid_inputs=answer.invalid_inputs,
        usage=answer.usage,
        cost_usd=Decimal(0),
        attempt=1,
        model=answer.model,
    )


def outcome(events: list[Event]) -> Outcome:
    def describe(block: Block) -> ToolUse:
        return ToolUse(id=block["id"], name=block["name"], title="", read_only=True)

    return outcome_of(segment(events), ScoutReport, "report", describe)


def kinds(events: list[Event]) -> list[str]:
    return [block["type"] for block in segment(events).assistant]


def test_a_report_that_fits() -> None:
    told = outcome(message(think("done"), say(json.dumps(REPORT))))
    assert told == Reported(key="report", report=REPORT)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Here you are!", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ("[]", "an object"),
        (json.dumps({**REPORT, "facts": "none"}), "facts: Input should be a valid array"),
        (json.dumps({**REPORT, "extra": 1}), "extra: Extra inputs are not permitted"),
        (json.dumps({"summary": ""}), "facts: Field required (and 2 more)"),
        (json.dumps({**REPORT, "summary": "x" * MAX_REPORT_BYTES}), "bytes, more than"),
        ("[" * 50_000, "bytes, more than"),
        ("[" * 20_000, "Invalid JSON"),
    ],
)
def test_a_report_that_does_not_fit_says_why_in_a_line(text: str, reason: str) -> None:
    told = outcome(message(say(text)))
    assert isinstance(told, BadReport)
    assert reason in told.reason
    assert "\n" not in told.reason
    assert len(told.reason) <= 300


@pytest.mark.parametrize("blocks", [[], [say("  \n")], [think("nothing to say")]])
def test_an_empty_answer_is_said_to_be_empty_and_can_be_sent_back(blocks: list[Any]) -> None:
    events = message(*blocks)
    assert outcome(events) == BadReport(reason="the answer is empty")
    assert segment(events).assistant[-1] == EMPTY_ANSWER


def test_tools_run_in_the_order_in_which_they_were_asked_for() -> None:
    told = outcome(
        message(say("look"), use("Read", {}, "a"), use("Grep", {}, "b"), stop_reason="tool_use")
    )
    assert isinstance(told, ToolsWanted)
    assert [(u.id, u.name) for u in told.uses] == [("a", "Read"), ("b", "Grep")]


@pytest.mark.parametrize("reason", ["max_tokens", "end_turn", "refusal", "pause_turn"])
def test_a_tool_runs_only_where_the_model_waits_for_it(reason: str) -> None:
    """Even a tool use whose input looks whole: it may have been cut off all the same."""
    events = message(say("now"), use("Bash", {"command": "rm -rf build"}), stop_reason=reason)
    assert not isinstance(outcome(events), ToolsWanted)
    assert kinds(events) == ["text"]


def test_what_follows_on_a_tool_use_that_is_left_out_goes_with_it() -> None:
    cut = think("then", signature=None)
    events = message(think("a"), use("Read", {}), think("b"), cut, stop_reason="max_tokens")
    assert outcome(events) == Interrupted(why="max_tokens")
    assert segment(events).assistant == [
        {"type": "thinking", "thinking": "a", "signature": "sig"},
        EMPTY_ANSWER,
    ]


def test_thinking_that_was_cut_off_is_not_sent_back() -> None:
    assert kinds(message(say("x"), think("and", signature=None), stop_reason="max_tokens")) == [
        "text"
    ]


def test_thinking_after_an_input_that_is_not_sent_back_as_it_was_is_left_out() -> None:
    events = message(
        think("a"), use("Read", "{", "x"), think("b"), use("Read", {}, "y"), stop_reason="tool_use"
    )
    assert kinds(events) == ["thinking", "tool_use", "tool_use"]
    assert segment(events).invalid_inputs == {"x": "{"}


def test_more_tool_calls_than_fit_are_left_out() -> None:
    uses = [use("Read", {}, f"u{n}") for n in range(MAX_TOOL_USES + 5)]
    told = outcome(message(*uses, stop_reason="tool_use"))
    assert isinstance(told, ToolsWanted)
    assert [u.id for u in told.uses] == [f"u{n}" for n in range(MAX_TOOL_USES)]


def test_tool_calls_that_are_announced_but_missing_are_no_report() -> None:
    assert isinstance(outcome(message(say("x"), stop_reason="tool_use")), BadReport)


def test_the_other_ends() -> None:
    assert outcome(message(say("x"), stop_reason="pause_turn")) == Interrupted(why="pause_turn")
    full = outcome(message(say("x"), stop_reason="model_context_window_exceeded"))
    assert isinstance(full, Declined)
    assert full.why == "context_window"
    details = {"type": "refusal", "category": "cyber", "explanation": "No\nexploits."}
    assert outcome(message(stop_reason="refusal", stop_details=details)) == Declined(
        why="refusal", detail="the model refused: cyber: No exploits."
    )


def test_a_segment_comes_back_from_its_json_as_it_was() -> None:
    stored = segment(message(think("ü"), use("Edit", {"z": 1, "a": [1.5, None, "\u2028"]})))
    assert Segment.model_validate_json(stored.model_dump_json()) == stored
