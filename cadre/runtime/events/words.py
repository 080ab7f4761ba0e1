"""Events in words: one line for each, and a summary of at most 15 words."""

from __future__ import annotations

import math
from datetime import datetime

from cadre.domain.render import spent_line, tokens, usd
from cadre.domain.workspaces import CheckResult
from cadre.runtime.events import types as e

SUMMARY_WORDS = 15
# A word can be as long as a path; a summary is for a line of a list.
SUMMARY_CHARS = 160


def summary(event: e.Event) -> str:
    """The event in at most 15 words, and at most 160 characters."""
    told = words(event).split()
    short = " ".join(told[:SUMMARY_WORDS])
    if len(told) > SUMMARY_WORDS or len(short) > SUMMARY_CHARS:
        short = short[: SUMMARY_CHARS - 1] + "…"
    return short


def words(event: e.Event) -> str:
    """What happened; never empty. Agents' texts are in it as they are."""
    match event:
        case e.AgentStarted():
            return f"starts: {event.definition} ({event.source}) on {event.model}"
        case e.AgentEnded():
            return _agent_end(event)
        case e.ModelAsked() | e.Writing() | e.ModelAnswered() | e.ToolStarted() | e.ToolFinished():
            return _turn(event)
        case _:
            return _run(event)


def _turn(
    event: e.ModelAsked | e.Writing | e.ModelAnswered | e.ToolStarted | e.ToolFinished,
) -> str:
    match event:
        case e.ModelAsked(model=model):
            return f"asks {model}"
        case e.Writing(text=text):
            return text.strip() or "writes"
        case e.ToolStarted(title=title):
            return title
        case e.ToolFinished(denied=True, title=title, preview=preview):
            return f"{title}: not allowed: {preview}"
        case e.ToolFinished(is_error=True, title=title, preview=preview):
            return f"{title}: error: {preview}"
        case e.ToolFinished(title=title, seconds=seconds):
            return f"{title}: done ({seconds:.1f}s)"
        case e.ModelAnswered(outcome="tools", preview=preview, detail=detail):
            return f"“{preview}”" if preview.strip() else f"wants {detail}"
    said = event.outcome.replace("_", " ")
    said = f"{said}: {event.detail}" if event.detail else said
    return f"{said} · {tokens(event.usage.total_tokens)} tokens · {usd(event.cost_usd)}"


def _agent_end(event: e.AgentEnded) -> str:
    result = event.result
    if result is None:
        return f"{event.close}: {event.why}"
    state = f"{result.state.value} ({result.why})" if result.why else result.state.value
    return f"{state} after {result.turns} turns · {spent_line(result.spent)}"


def _run(event: e.Event) -> str:
    match event:
        case e.RunStarted(pattern=pattern, input=given):
            parts = given.get("tasks")
            what = f"{len(parts)} parts" if isinstance(parts, list) and parts else given.get("task")
            return f"{pattern} starts: {what}"
        case e.StatusChanged(status=status):
            return f"— {status} —"
        case e.StepStarted(title=title):
            return f"{title} …"
        case e.StepFinished(title=title, seconds=seconds, notes=notes):
            return f"{title} ({seconds:.1f}s)" + "".join(f"; {note}" for note in notes)
        case e.CheckFinished(title=title, result=result):
            return f"{title}: {check_words(result)}"
        case e.Waits():
            return waiting(event, event.at.time)
        case e.Retried(title=title, attempt=attempt, why=why):
            return f"{title}: attempt {attempt}, since {why}"
        case e.ActivityFailed(title=title, how=how, why=why):
            return f"{title}: {how}: {why}"
        case e.WaitingChanged() | e.DecisionReceived() | e.DecisionRefused() | e.QuestionExpired():
            return _decision(event)
        case e.CancelRequested():
            return "asked to cancel"
        case e.WorkflowTaskFailed(why=why):
            return f"the workflow's code fails and is tried again: {why}"
        case e.RunEnded(close=close, result=result, why=why):
            return f"{result.status.value}: {result.summary}" if result else f"{close}: {why}"
    raise AssertionError(f"nothing is said of {event.kind}")


def waiting(event: e.Waits, now: datetime) -> str:
    """What an activity waits for at the time `now`."""
    what = "model" if event.activity == "model.call" else event.activity
    if event.next_try is None:
        return f"{what}: attempt {event.attempt} begins"
    seconds = (event.next_try - now).total_seconds()
    when = f"next try in {math.ceil(seconds)} s" if seconds > 0 else "next try as a worker is free"
    return f"waits: {what}: attempt {event.attempt}, {when}: {event.why}"


def _decision(
    event: e.WaitingChanged | e.DecisionReceived | e.DecisionRefused | e.QuestionExpired,
) -> str:
    match event:
        case e.WaitingChanged(what=what):
            return f"waits for a decision: {what}" if what else "waits for no decision"
        case e.DecisionRefused(why=why):
            return f"decision refused: {why}"
        case e.QuestionExpired(question=question, verdict=counts, why=why):
            return f"{question} expired, so {counts} counts: {why}"
    given = event.given
    verdict = given.get("verdict")
    if verdict is None and "approved" in given:
        verdict = "approved" if given["approved"] else "rejected"
    said = f"{given.get('id', 'a decision')}: {verdict or 'unreadable'} by {event.by or 'nobody'}"
    return f"{said}: {given['reason']}" if given.get("reason") else said


def check_words(check: CheckResult) -> str:
    """How a check went, in words."""
    if check.bent:
        return "passes only with changed tests"
    outcome = check.as_is
    if outcome.passed:
        return f"passes ({outcome.seconds:.1f}s)"
    how = "timed out" if outcome.timed_out else f"fails with status {outcome.exit_code}"
    return f"{how} ({outcome.seconds:.1f}s)"
