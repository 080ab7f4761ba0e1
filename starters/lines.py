"""Events as plain lines, one for each that a reader cares about."""

from __future__ import annotations

from datetime import datetime

from cadre.domain.render import spent_line, tokens, usd
from cadre.domain.workspaces import CheckResult
from cadre.runtime.events import types as e
from cadre.runtime.events.types import Event
from starters.console import one_line

WIDTH = 160
# What the engine does for itself is news only when it fails.
QUIET = ("record.agent", "record.run", "workspace.close", "workspace.describe")


def line(event: Event, started: datetime | None) -> str | None:
    """One event as a line such as `12.3s  builder.1  turn 4  Bash: pytest -q`; None for those
    that would only be noise. `started` is when the run did."""
    told = _told(event)
    if told is None:
        return None
    return told_line(event.at.time, started, event.at.agent_id or "run", *told)


def told_line(time: datetime, started: datetime | None, who: str, turn: str, text: str) -> str:
    """A line of what happened to `who` at `time`."""
    seconds = (time - started).total_seconds() if started else 0.0
    return f"{seconds:7.1f}s  {who:<11}  {turn:<7}  {one_line(text, WIDTH)}".rstrip()


def _told(event: Event) -> tuple[str, str] | None:
    match event:
        case e.ModelAnswered() | e.ToolStarted() | e.ToolFinished():
            text = _turn(event)
            return None if text is None else (f"turn {event.turn}", text)
        case e.AgentStarted():
            return "", f"starts: {event.definition} ({event.source}) on {event.model}"
        case e.AgentEnded():
            return "", _agent_end(event)
        case _:
            text = _run(event)
            return None if text is None else ("", text)


def _turn(event: e.ModelAnswered | e.ToolStarted | e.ToolFinished) -> str | None:
    match event:
        case e.ToolStarted(title=title):
            return title
        case e.ToolFinished(denied=True, title=title, preview=preview):
            return f"{title}: not allowed: {preview}"
        case e.ToolFinished(is_error=True, title=title, preview=preview):
            return f"{title}: error: {preview}"
        case e.ModelAnswered(outcome="tools", preview=preview):
            return f"“{preview}”" if preview.strip() else None
        case e.ModelAnswered(outcome=outcome, detail=detail, usage=usage, cost_usd=cost):
            said = f"{outcome.replace('_', ' ')}: {detail}" if detail else outcome.replace("_", " ")
            return f"{said} · {tokens(usage.total_tokens)} tokens · {usd(cost)}"
    return None


def _agent_end(event: e.AgentEnded) -> str:
    result = event.result
    if result is None:
        return f"{event.close}: {event.why}"
    state = f"{result.state.value} ({result.why})" if result.why else result.state.value
    return f"{state} after {result.turns} turns · {spent_line(result.spent)}"


def _run(event: Event) -> str | None:
    match event:
        case e.RunStarted(pattern=pattern, input=given):
            parts = given.get("tasks")
            what = f"{len(parts)} parts" if isinstance(parts, list) and parts else given.get("task")
            return f"{pattern} starts: {what}"
        case e.StatusChanged(status=status):
            return f"— {status} —"
        case e.StepFinished(activity=activity, title=title, seconds=seconds, notes=notes):
            if activity in QUIET:
                return None
            return f"{title} ({seconds:.1f}s)" + "".join(f"; {note}" for note in notes)
        case e.CheckFinished(title=title, result=result):
            return f"{title}: {check_words(result)}"
        case e.Retried(title=title, attempt=attempt, why=why):
            return f"{title}: attempt {attempt}, since {why}"
        case e.ActivityFailed(title=title, how=how, why=why):
            return f"{title}: {how}: {why}"
        case e.CancelRequested():
            return "asked to cancel"
        case e.WorkflowTaskFailed(why=why):
            return f"the workflow's code fails and is tried again: {why}"
        case e.RunEnded(close=close, result=result, why=why):
            return f"{result.status.value}: {result.summary}" if result else f"{close}: {why}"
    return None


def check_words(check: CheckResult) -> str:
    """How a check went, in words."""
    if check.bent:
        return "passes only with changed tests"
    outcome = check.as_is
    if outcome.passed:
        return f"passes ({outcome.seconds:.1f}s)"
    how = "timed out" if outcome.timed_out else f"fails with status {outcome.exit_code}"
    return f"{how} ({outcome.seconds:.1f}s)"
