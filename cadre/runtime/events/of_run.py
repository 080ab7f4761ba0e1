"""What happens to a run, and what the engine does for it or for one of its agents."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from cadre.domain.outcomes import RunResult
from cadre.domain.workspaces import CheckResult
from cadre.runtime.events.happening import Close, Happening, How


class RunStarted(Happening):
    """A run's workflow started; `pattern` is its type and `input` what it was given."""

    kind: Literal["run_started"] = "run_started"
    category: Literal["system_log"] = "system_log"
    pattern: str
    input: dict[str, object]


class StatusChanged(Happening):
    """The run entered a phase; `cost_usd` is what it had cost by then, where it says so."""

    kind: Literal["status_changed"] = "status_changed"
    category: Literal["system_log"] = "system_log"
    status: str
    cost_usd: float | None = None


class StepStarted(Happening):
    """The engine started a step of its own, such as opening the workspace."""

    kind: Literal["step_started"] = "step_started"
    category: Literal["system_log"] = "system_log"
    activity: str
    title: str


class StepFinished(Happening):
    """A step of the engine ended; `notes` are what it tells the user, one line each."""

    kind: Literal["step_finished"] = "step_finished"
    category: Literal["system_log"] = "system_log"
    activity: str
    title: str
    seconds: float
    notes: tuple[str, ...] = ()


class CheckFinished(Happening):
    """The check command was run by the engine, passed or not."""

    kind: Literal["check_finished"] = "check_finished"
    category: Literal["system_log"] = "system_log"
    name: str
    title: str
    seconds: float
    result: CheckResult


class Waits(Happening):
    """An activity failed, and is about to be tried again: attempt `attempt` begins at `next_try`
    (UTC), or has begun where that is None. No history has it: the next event of the activity, or
    what the attempt writes, replaces it. `turn` is set where it is a model call."""

    kind: Literal["waits"] = "waits"
    category: Literal["error"] = "error"
    turn: int | None = None
    activity: str
    attempt: int
    why: str
    next_try: datetime | None


class Retried(Happening):
    """An activity needed more than one attempt; Temporal tells when the last one has ended."""

    kind: Literal["retried"] = "retried"
    category: Literal["error"] = "error"
    activity: str
    title: str
    attempt: int
    why: str


class ActivityFailed(Happening):
    """An activity ended without a result."""

    kind: Literal["activity_failed"] = "activity_failed"
    category: Literal["error"] = "error"
    activity: str
    title: str
    how: How
    why: str


class DecisionReceived(Happening):
    """A person's word reached the run, as an update that it took or as a signal, which it may have
    refused; `given` is what was sent, empty where it was no JSON object."""

    kind: Literal["decision_received"] = "decision_received"
    category: Literal["system_log"] = "system_log"
    by: str = ""
    given: dict[str, object] = Field(default_factory=dict)


class DecisionRefused(Happening):
    """A signal was refused, or an update that was taken and then looked at more closely."""

    kind: Literal["decision_refused"] = "decision_refused"
    category: Literal["error"] = "error"
    why: str


class QuestionExpired(Happening):
    """Nobody decided the question `question` in time; `verdict` counts."""

    kind: Literal["question_expired"] = "question_expired"
    category: Literal["system_log"] = "system_log"
    question: str
    verdict: str
    why: str


class WaitingChanged(Happening):
    """What waits for a person has changed: `what` names it in a line, empty where nothing does."""

    kind: Literal["waiting_changed"] = "waiting_changed"
    category: Literal["agent_status_change"] = "agent_status_change"
    what: str


class CancelRequested(Happening):
    """Somebody asked the workflow to end."""

    kind: Literal["cancel_requested"] = "cancel_requested"
    category: Literal["system_log"] = "system_log"


class WorkflowTaskFailed(Happening):
    """The workflow's own code failed. Temporal tries it again, and shows it as running."""

    kind: Literal["workflow_task_failed"] = "workflow_task_failed"
    category: Literal["error"] = "error"
    why: str


class RunEnded(Happening):
    """The run's workflow closed; no event follows. A cancelled run has a result, too, where it
    came as far as its record."""

    kind: Literal["run_ended"] = "run_ended"
    category: Literal["system_log"] = "system_log"
    close: Close
    result: RunResult | None = None
    why: str = ""
