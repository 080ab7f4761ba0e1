"""What happened in a run, typed. Every event names its place in a workflow's history."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from cadre.runtime.events.happening import Close, Happening, How, Place
from cadre.runtime.events.of_agent import (
    AgentEnded,
    AgentStarted,
    ModelAnswered,
    ModelAsked,
    ToolFinished,
    ToolStarted,
    Writing,
)
from cadre.runtime.events.of_run import (
    ActivityFailed,
    CancelRequested,
    CheckFinished,
    DecisionReceived,
    DecisionRefused,
    QuestionExpired,
    Retried,
    RunEnded,
    RunStarted,
    StatusChanged,
    StepFinished,
    StepStarted,
    WaitingChanged,
    Waits,
    WorkflowTaskFailed,
)

__all__ = [
    "EVENTS",
    "ActivityFailed",
    "AgentEnded",
    "AgentStarted",
    "CancelRequested",
    "CheckFinished",
    "Close",
    "DecisionReceived",
    "DecisionRefused",
    "Event",
    "Happening",
    "How",
    "ModelAnswered",
    "ModelAsked",
    "Place",
    "QuestionExpired",
    "Retried",
    "RunEnded",
    "RunStarted",
    "StatusChanged",
    "StepFinished",
    "StepStarted",
    "ToolFinished",
    "ToolStarted",
    "WaitingChanged",
    "Waits",
    "WorkflowTaskFailed",
    "Writing",
]

# fmt: off
Event = Annotated[
    RunStarted | StatusChanged | StepStarted | StepFinished | CheckFinished
    | AgentStarted | ModelAsked | Writing | ModelAnswered | ToolStarted | ToolFinished
    | Waits | Retried | ActivityFailed | WaitingChanged | DecisionReceived | DecisionRefused
    | QuestionExpired | CancelRequested | WorkflowTaskFailed
    | AgentEnded | RunEnded,
    Field(discriminator="kind"),
]
# fmt: on
EVENTS: TypeAdapter[list[Event]] = TypeAdapter(list[Event])  # what a record holds, as JSON
