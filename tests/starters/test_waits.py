"""What somebody who watches reads of an activity that failed and is tried again."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from cadre.runtime.events import types as e
from cadre.runtime.events.words import waiting
from starters.lines import line
from starters.screen import screen
from starters.view import RunView

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OVERLOADED = "the service refused with 529 overloaded_error"


def waits(who: str = "scout", **fields: object) -> e.Waits:
    workflow = f"r/{who}" if who else "r"
    at = e.Place(workflow=workflow, run_id="x", event_id=0, time=NOW, agent_id=who)
    given = {"at": at, "activity": "model.call", "attempt": 4, "why": OVERLOADED, "turn": 3}
    return e.Waits.model_validate(given | {"next_try": NOW + timedelta(seconds=8)} | fields)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (waits(), f"waits: model: attempt 4, next try in 8 s: {OVERLOADED}"),
        (
            waits(next_try=NOW - timedelta(seconds=3)),
            f"waits: model: attempt 4, next try as a worker is free: {OVERLOADED}",
        ),
        (
            waits("", activity="workspace.deliver", attempt=2, why="the disk is full"),
            "waits: workspace.deliver: attempt 2, next try in 8 s: the disk is full",
        ),
    ],
)
def test_a_wait_in_words(event: e.Waits, words: str) -> None:
    assert waiting(event, NOW) == words


def test_a_wait_as_a_line() -> None:
    told = line(waits(why="x\ny"), NOW - timedelta(seconds=12.3))
    assert told == ("   12.3s  scout        turn 3   waits: model: attempt 4, next try in 8 s: x y")
    assert line(waits(next_try=None), NOW) is None  # at work again


def test_a_wait_on_the_terminal() -> None:
    fields = {"definition": "d", "source": "s", "model": "m", "tools": (), "task": "t"}
    at = waits().at.model_copy(update={"event_id": 1})
    view = RunView.of(
        [e.AgentStarted(at=at, role="scout", **fields), waits(why="\x1b[2J"), waits("", why="full")]
    )
    assert "next try in 7 s" in shown(view, NOW + timedelta(seconds=1))
    text = shown(view, NOW)
    assert "scout waits: model: attempt 4, next try in 8 s" in text
    assert "run waits: model: attempt 4" in text
    assert "\x1b" not in text
    view.apply(waits(next_try=None))
    view.apply(waits("", next_try=None))
    assert "waits" not in shown(view, NOW)


def shown(view: RunView, now: datetime) -> str:
    out = Console(width=100, file=io.StringIO(), record=True)
    out.print(screen(view, now, 40))
    return out.export_text()
