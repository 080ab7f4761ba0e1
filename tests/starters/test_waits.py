"""What somebody who watches reads of an activity that failed and is tried again."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from cadre.runtime.events import Pending
from starters.lines import told_line
from starters.screen import screen
from starters.view import RunView
from starters.waits import waiting

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OVERLOADED = "the service refused with 529 overloaded_error"


def call(**fields: object) -> Pending:
    given = {"id": "1", "activity": "model.call", "attempt": 4, "why": OVERLOADED}
    return Pending.model_validate(given | {"next_try": NOW + timedelta(seconds=8)} | fields)


@pytest.mark.parametrize(
    ("activity", "words"),
    [
        (call(), f"waits: model: attempt 4, next try in 8 s: {OVERLOADED}"),
        (
            call(next_try=NOW - timedelta(seconds=3)),
            f"waits: model: attempt 4, next try as a worker is free: {OVERLOADED}",
        ),
        (
            call(activity="workspace.deliver", attempt=2, why="the disk is full"),
            "waits: workspace.deliver: attempt 2, next try in 8 s: the disk is full",
        ),
        (call(next_try=None), None),  # at work again
        (call(attempt=1, why=""), None),  # not tried yet
    ],
)
def test_a_wait_in_words(activity: Pending, words: str | None) -> None:
    assert waiting(activity, NOW) == words


def test_a_wait_as_a_line() -> None:
    line = told_line(NOW, NOW - timedelta(seconds=12.3), "scout", "turn 3", "waits: x\ny")
    assert line == "   12.3s  scout        turn 3   waits: x y"


def test_a_wait_on_the_terminal() -> None:
    out = Console(width=100, file=io.StringIO(), record=True)
    out.print(screen(RunView(run="r"), 1.0, {}, ["scout waits: model: \x1b[2Jattempt 4"]))
    text = out.export_text()
    assert "scout waits: model: " in text
    assert "\x1b" not in text
