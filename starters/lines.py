"""Events as plain lines, one for each that a reader cares about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cadre.runtime.events import types as e
from cadre.runtime.events.types import Event
from cadre.runtime.events.words import check_words, words
from starters.console import one_line
from starters.view import RunView

__all__ = ["check_words", "line", "told_json", "told_line"]

WIDTH = 160
# What the engine does for itself is news only when it fails.
QUIET = ("record.agent", "record.run", "workspace.close", "workspace.describe")


def line(event: Event, started: datetime | None) -> str | None:
    """One event as a line such as `12.3s  builder.1  turn 4  Bash: pytest -q`; None for those
    that would only be noise. `started` is when the run did."""
    if _is_noise(event):
        return None
    turn = f"turn {event.turn}" if isinstance(event, _OfATurn) and event.turn else ""
    return told_line(event.at.time, started, event.at.agent_id or "run", turn, words(event))


def told_json(event: Event, view: RunView) -> dict[str, Any]:
    """An event for JSON, with the place after it from which to go on."""
    return {"place": str(view.cursor), **event.model_dump(mode="json")}


def told_line(time: datetime, started: datetime | None, who: str, turn: str, text: str) -> str:
    """A line of what happened to `who` at `time`."""
    seconds = (time - started).total_seconds() if started else 0.0
    return f"{seconds:7.1f}s  {who:<11}  {turn:<7}  {one_line(text, WIDTH)}".rstrip()


_OfATurn = e.ModelAnswered | e.ToolStarted | e.ToolFinished | e.Waits


def _is_noise(event: Event) -> bool:
    match event:
        case e.ModelAsked() | e.Writing() | e.StepStarted():
            return True
        case e.Waits(next_try=None) | e.WaitingChanged(what=""):
            return True  # it is at work again, and that will tell
        case e.ModelAnswered(outcome="tools", preview=preview):
            return not preview.strip()  # the tools that it wants have lines of their own
        case e.ToolFinished(is_error=is_error, denied=denied):
            return not (is_error or denied)
        case e.StepFinished(activity=activity):
            return activity in QUIET
    return False
