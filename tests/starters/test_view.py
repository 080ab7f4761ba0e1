"""A run's events added up, and as lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cadre.domain.usage import Usage
from cadre.domain.workspaces import CheckResult, CommandOutcome
from cadre.runtime.events import types as e
from starters.console import clean, one_line
from starters.lines import check_words, line
from starters.view import RunView

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float, agent_id: str = "") -> e.Place:
    workflow = f"r/{agent_id}" if agent_id else "r"
    time = START + timedelta(seconds=seconds)
    return e.Place(workflow=workflow, run_id="x", event_id=1, time=time, agent_id=agent_id)


def status(seconds: float, name: str) -> e.StatusChanged:
    return e.StatusChanged(at=at(seconds), status=name)


def agent(seconds: float, agent_id: str) -> e.AgentStarted:
    fields: dict[str, Any] = {"definition": "d", "source": "built-in", "model": "m", "tools": ()}
    return e.AgentStarted(at=at(seconds, agent_id), role="scout", task="t", **fields)


def answered(seconds: float, agent_id: str, **fields: Any) -> e.ModelAnswered:
    defaults: dict[str, Any] = {
        "turn": 1,
        "outcome": "tools",
        "detail": "Read",
        "preview": "",
        "usage": Usage(input_tokens=25, cache_read_tokens=75, output_tokens=10),
        "cost_usd": Decimal("0.01"),
        "lost_attempts": 0,
        "seconds": 1,
    }
    return e.ModelAnswered(at=at(seconds, agent_id), **(defaults | fields))


def test_phases_that_return_are_added_up() -> None:
    view = RunView.of(
        [
            e.RunStarted(at=at(0), pattern="pipeline", input={}),
            *(status(1, "building"), status(3, "reviewing"), status(4, "building")),
            status(9, "approved"),
        ]
    )
    assert view.phase_seconds == [("building", 7), ("reviewing", 1), ("approved", 0)]
    assert (view.status, view.seconds) == ("approved", 9)


def test_agents_at_work_at_once_are_kept_apart() -> None:
    view = RunView.of(
        [
            *(agent(0, "scout.1"), agent(0, "scout.2")),
            e.ModelAsked(at=at(1, "scout.1"), turn=1, model="m"),
            *(answered(2, "scout.1"), answered(3, "scout.2")),
            e.ToolStarted(at=at(4, "scout.1"), turn=1, use_id="a", title="Read: a.py"),
            e.ToolStarted(at=at(4, "scout.1"), turn=1, use_id="b", title="Read: b.py"),
        ]
    )
    assert view.agents["scout.1"].now == "Read: a.py, Read: b.py"
    assert view.agents["scout.2"].now == ""
    assert view.cost_usd == Decimal("0.02")
    assert view.usage.cache_share == 0.75
    view.apply(
        e.ToolFinished(
            at=at(5, "scout.1"),
            turn=1,
            use_id="a",
            title="Read: a.py",
            is_error=False,
            preview="",
            seconds=1,
        )
    )
    assert view.agents["scout.1"].now == "Read: b.py"


def test_a_run_that_nobody_works_on_says_so() -> None:
    view = RunView.of([e.RunStarted(at=at(0), pattern="pipeline", input={})])
    assert view.status == "waiting for a worker"


def test_a_line_says_when_who_which_turn_and_what() -> None:
    tool = e.ToolStarted(at=at(12.34, "builder.1"), turn=4, use_id="a", title="Bash: pytest -q")
    assert line(tool, START) == "   12.3s  builder.1    turn 4   Bash: pytest -q"


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "�[2J�]0;title�"),
        ("a\u202eb\u2066", "a�b�"),
        ("\x9b31m", "�31m"),
    ],
)
def test_an_agents_words_cannot_steer_the_terminal(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown
    text = line(answered(1, "scout", preview=hostile), START)
    assert text is not None
    assert shown in text


def test_a_line_stays_one_line() -> None:
    text = line(answered(1, "scout", preview="a\nb\r\nc " + "x" * 500), START)
    assert text is not None
    assert "a b c x" in text
    assert "\n" not in text
    assert one_line("x" * 10, 5) == "xxxx…"


@pytest.mark.parametrize(
    ("as_is", "restored", "words"),
    [
        (0, None, "passes (1.0s)"),
        (3, None, "fails with status 3 (1.0s)"),
        (0, 1, "passes only with changed tests"),
    ],
)
def test_a_bent_check_is_not_said_to_pass(as_is: int, restored: int | None, words: str) -> None:
    def outcome(code: int) -> CommandOutcome:
        return CommandOutcome(command="c", exit_code=code, seconds=1, tail="")

    base = None if restored is None else outcome(restored)
    assert check_words(CheckResult(as_is=outcome(as_is), with_base_tests=base)) == words
