"""What hooks answer, and which calls they are for."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.hooks import (
    MAX_TEXT_CHARS,
    Hook,
    HookAnswer,
    HookEvent,
    answer_of,
    tools_of_matcher,
)
from cadre.domain.rules import Request

BEFORE, AFTER = HookEvent.BEFORE, HookEvent.AFTER
NOTHING = HookAnswer()


def specific(**given: object) -> str:
    return json.dumps({"hookSpecificOutput": given})


ANSWERS: list[tuple[HookEvent, int, str, str, HookAnswer | None]] = [
    (BEFORE, 0, "", "", NOTHING),
    (BEFORE, 0, "plain words", "", NOTHING),
    (BEFORE, 0, "[1]", "", NOTHING),
    (BEFORE, 0, "{broken", "", NOTHING),
    (BEFORE, 0, "{" * 100_000, "", NOTHING),
    (BEFORE, 0, '{"a":' * 100_000, "", NOTHING),
    (BEFORE, 2, "ignored", " no \n", HookAnswer(against=True, reason="no")),
    (BEFORE, 1, "", "crashed", None),
    (BEFORE, 127, "", "", None),
    (BEFORE, 0, specific(permissionDecision="allow"), "", NOTHING),
    (
        BEFORE,
        0,
        specific(permissionDecision="deny", permissionDecisionReason="why"),
        "",
        HookAnswer(against=True, reason="why"),
    ),
    (
        BEFORE,
        0,
        specific(permissionDecision="ask", permissionDecisionReason="why"),
        "",
        HookAnswer(asks=True, reason="why"),
    ),
    (
        BEFORE,
        0,
        '{"decision": "block", "hookSpecificOutput": {"permissionDecision": "ask"}}',
        "",
        HookAnswer(against=True),
    ),
    (AFTER, 0, specific(permissionDecision="ask"), "", NOTHING),
    (BEFORE, 0, specific(permissionDecision="defer"), "", HookAnswer(against=True)),
    (BEFORE, 0, '{"decision": "block", "reason": "r"}', "", HookAnswer(True, "r")),
    (BEFORE, 0, '{"decision": "approve"}', "", NOTHING),
    (BEFORE, 0, '{"continue": false, "stopReason": "r"}', "", HookAnswer(True, "r")),
    (BEFORE, 0, specific(additionalContext="c"), "", HookAnswer(context="c")),
    (BEFORE, 0, '{"hookSpecificOutput": 7, "reason": []}', "", NOTHING),
    (AFTER, 2, "", "fix it", HookAnswer(against=True, reason="fix it")),
    (AFTER, 0, '{"decision": "block", "reason": "r"}', "", HookAnswer(True, "r")),
    (AFTER, 0, specific(permissionDecision="deny"), "", NOTHING),
    (AFTER, 0, specific(additionalContext="c"), "", HookAnswer(context="c")),
]


@pytest.mark.parametrize(("event", "status", "said", "complaint", "expected"), ANSWERS)
def test_answers(
    event: HookEvent, status: int, said: str, complaint: str, expected: HookAnswer | None
) -> None:
    assert answer_of(event, status, said, complaint) == expected


@pytest.mark.parametrize("decision", [None, "allow", "ask"])
def test_another_input_is_not_supported_so_the_call_is_not_run(decision: str | None) -> None:
    said = specific(updatedInput={"command": "x"}, permissionDecision=decision)
    answer = answer_of(BEFORE, 0, said, "")
    assert answer is not None
    assert (answer.against, answer.asks) == (True, False)


def test_words_are_bounded() -> None:
    answer = answer_of(BEFORE, 0, specific(additionalContext="x" * 100_000), "")
    assert answer is not None
    assert len(answer.context) == MAX_TEXT_CHARS


@given(st.sampled_from(HookEvent), st.integers(0, 255), st.text(), st.text())
def test_any_output_is_an_answer_or_none(
    event: HookEvent, status: int, said: str, complaint: str
) -> None:
    answer = answer_of(event, status, said, complaint)
    assert (answer is None) == (status not in (0, 2))


@pytest.mark.parametrize(
    ("matcher", "tools"),
    [
        ("", None),
        ("*", None),
        (".*", None),
        ("Bash", ("Bash",)),
        ("Edit|Write", ("Edit", "Write")),
        ("Edit, Write", ("Edit", "Write")),
        ("mcp__.*", ("mcp__*",)),
        ("^Bash$", ("Bash",)),
    ],
)
def test_matchers(matcher: str, tools: tuple[str, ...] | None) -> None:
    assert tools_of_matcher(matcher) == tools


@pytest.mark.parametrize("matcher", ["(a+)+$", "[BR].*", "Bash|", "a b", "\\w", "(" * 500])
def test_patterns_are_refused(matcher: str) -> None:
    with pytest.raises(ValueError, match=re.escape(matcher)):
        tools_of_matcher(matcher)


def test_which_calls_a_hook_is_for() -> None:
    hook = Hook(event=BEFORE, tools=("Bash", "mcp__*"), command="x", condition="Bash(rm:*)")
    assert hook.is_for(BEFORE, Request("Bash", "true; rm x"))
    assert not hook.is_for(AFTER, Request("Bash", "rm x"))
    assert not hook.is_for(BEFORE, Request("Bash", "ls"))
    assert not hook.is_for(BEFORE, Request("Read", paths=("x",)))
    assert Hook(event=BEFORE, tools=("mcp__*",), command="x").is_for(BEFORE, Request("mcp__a"))
