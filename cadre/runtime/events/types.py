"""What happened in a run, typed. Every event names its place in a workflow's history."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from cadre.domain.base import Value
from cadre.domain.runs import AgentResult, RunResult
from cadre.domain.usage import Usage
from cadre.domain.workspaces import CheckResult

Close = Literal["completed", "failed", "cancelled", "terminated", "timed out", "continued as new"]
How = Literal["failed", "timed out", "cancelled"]


class Place(Value):
    """Where an event stands, and when it happened (UTC).

    `workflow`, `run_id` and `event_id` are Temporal's, so that a reader can go on after it;
    `agent_id` is empty for the run's own workflow.
    """

    workflow: str
    run_id: str
    event_id: int
    time: datetime
    agent_id: str = ""


class Happening(Value):
    """What all events have in common."""

    at: Place


class RunStarted(Happening):
    """A run's workflow started; `pattern` is its type and `input` what it was given."""

    kind: Literal["run_started"] = "run_started"
    pattern: str
    input: dict[str, object]


class StatusChanged(Happening):
    """The run entered a phase; `cost_usd` is what it had cost by then, where it says so."""

    kind: Literal["status_changed"] = "status_changed"
    status: str
    cost_usd: float | None = None


class StepStarted(Happening):
    """The engine started a step of its own, such as opening the workspace."""

    kind: Literal["step_started"] = "step_started"
    activity: str
    title: str


class StepFinished(Happening):
    """A step of the engine ended; `notes` are what it tells the user, one line each."""

    kind: Literal["step_finished"] = "step_finished"
    activity: str
    title: str
    seconds: float
    notes: tuple[str, ...] = ()


class CheckFinished(Happening):
    """The check command was run by the engine, passed or not."""

    kind: Literal["check_finished"] = "check_finished"
    name: str
    title: str
    seconds: float
    result: CheckResult


class AgentStarted(Happening):
    """An agent started; `task` is the beginning of what it was told."""

    kind: Literal["agent_started"] = "agent_started"
    role: str
    definition: str
    source: str
    model: str
    tools: tuple[str, ...]
    task: str


class ModelAsked(Happening):
    """A model call was scheduled; it may still wait for a worker."""

    kind: Literal["model_asked"] = "model_asked"
    turn: int
    model: str


class ModelAnswered(Happening):
    """A model call ended. `outcome` is the kind of its outcome, `detail` what it says in a line;
    `seconds` count from the call's scheduling, retries included."""

    kind: Literal["model_answered"] = "model_answered"
    turn: int
    outcome: str
    detail: str
    preview: str
    usage: Usage
    cost_usd: Decimal
    lost_attempts: int
    seconds: float


class ToolStarted(Happening):
    """A tool call was scheduled."""

    kind: Literal["tool_started"] = "tool_started"
    turn: int
    use_id: str
    title: str


class ToolFinished(Happening):
    """A tool call ended; `is_error` is what the model is told, `denied` that it was not allowed."""

    kind: Literal["tool_finished"] = "tool_finished"
    turn: int
    use_id: str
    title: str
    is_error: bool
    denied: bool = False
    preview: str
    seconds: float


class Retried(Happening):
    """An activity needed more than one attempt; Temporal tells when the last one has ended."""

    kind: Literal["retried"] = "retried"
    activity: str
    title: str
    attempt: int
    why: str


class ActivityFailed(Happening):
    """An activity ended without a result."""

    kind: Literal["activity_failed"] = "activity_failed"
    activity: str
    title: str
    how: How
    why: str


class CancelRequested(Happening):
    """Somebody asked the workflow to end."""

    kind: Literal["cancel_requested"] = "cancel_requested"


class WorkflowTaskFailed(Happening):
    """The workflow's own code failed. Temporal tries it again, and shows it as running."""

    kind: Literal["workflow_task_failed"] = "workflow_task_failed"
    why: str


class AgentEnded(Happening):
    """An agent's workflow closed; `why` says what went wrong where there is no result."""

    kind: Literal["agent_ended"] = "agent_ended"
    close: Close
    result: AgentResult | None = None
    why: str = ""


class RunEnded(Happening):
    """The run's workflow closed; no event follows. A cancelled run has a result, too, where it
    came as far as its record."""

    kind: Literal["run_ended"] = "run_ended"
    close: Close
    result: RunResult | None = None
    why: str = ""


# fmt: off
Event = Annotated[
    RunStarted | StatusChanged | StepStarted | StepFinished | CheckFinished
    | AgentStarted | ModelAsked | ModelAnswered | ToolStarted | ToolFinished
    | Retried | ActivityFailed | CancelRequested | WorkflowTaskFailed | AgentEnded | RunEnded,
    Field(discriminator="kind"),
]
# fmt: on
EVENTS: TypeAdapter[list[Event]] = TypeAdapter(list[Event])  # what a record holds, as JSON
