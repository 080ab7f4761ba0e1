"""The activities of one workflow: what was scheduled, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.api.history.v1 import (
    ActivityTaskCompletedEventAttributes,
    ActivityTaskScheduledEventAttributes,
    ActivityTaskStartedEventAttributes,
)

from cadre.domain.runs import PreparedRun, RecordRun, RunResult
from cadre.domain.turns import (
    BadReport,
    Declined,
    Interrupted,
    ModelAnswer,
    ModelCall,
    OutOfBudget,
    ToolCall,
    ToolResult,
    ToolsWanted,
)
from cadre.domain.workspaces import CheckResult, OpenedWorkspace, RunCheck
from cadre.runtime.events import types as e
from cadre.runtime.events.decode import Decoder

REQUESTS = {
    "model.call": ModelCall,
    "tool.run": ToolCall,
    "workspace.check": RunCheck,
    "record.run": RecordRun,
}
# Steps whose result has notes for the user.
NOTED: dict[str, type[PreparedRun] | type[OpenedWorkspace]] = {
    "run.prepare": PreparedRun,
    "workspace.open": OpenedWorkspace,
}


@dataclass(frozen=True)
class Scheduled:
    """An activity on its way; `request` is decoded for the activities in REQUESTS alone."""

    activity: str
    title: str
    request: object
    place: e.Place


class Activities:
    """Turns a workflow's activity events, in their order, into typed ones."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._scheduled: dict[int, Scheduled] = {}
        self.recorded: RunResult | None = None

    async def scheduled(
        self, attributes: ActivityTaskScheduledEventAttributes, title: str, at: e.Place
    ) -> e.Event:
        """Remember an activity until it ends."""
        name = attributes.activity_type.name
        request: object = None
        if name in REQUESTS:
            request = await self._decoder.expect(attributes.input.payloads, REQUESTS[name])
        self._scheduled[at.event_id] = Scheduled(name, title, request, at)
        match request:
            case ModelCall():
                return e.ModelAsked(at=at, turn=request.turn, model=request.agent.model.id)
            case ToolCall():
                use = request.use
                return e.ToolStarted(at=at, turn=request.turn, use_id=use.id, title=use.title)
            case RecordRun():
                self.recorded = request.result
        return e.StepStarted(at=at, activity=name, title=title)

    def started(
        self, attributes: ActivityTaskStartedEventAttributes, why: str, at: e.Place
    ) -> e.Event | None:
        """Only a repetition is worth a word."""
        if attributes.attempt < 2:
            return None
        of = self._scheduled[attributes.scheduled_event_id]
        return e.Retried(
            at=at, activity=of.activity, title=of.title, attempt=attributes.attempt, why=why
        )

    async def completed(
        self, attributes: ActivityTaskCompletedEventAttributes, at: e.Place
    ) -> e.Event:
        """An activity's result."""
        of = self._scheduled.pop(attributes.scheduled_event_id)
        payloads = attributes.result.payloads
        seconds = (at.time - of.place.time).total_seconds()
        match of.request:
            case ModelCall(turn=turn):
                answer = await self._decoder.expect(payloads, ModelAnswer)
                return model_answered(answer, turn, seconds, at)
            case ToolCall(turn=turn, use=use):
                result = await self._decoder.expect(payloads, ToolResult)
                return e.ToolFinished(
                    at=at,
                    turn=turn,
                    use_id=use.id,
                    title=use.title,
                    is_error=result.is_error,
                    denied=result.denied,
                    preview=result.preview,
                    seconds=result.seconds,
                )
            case RunCheck(name=name):
                check = await self._decoder.expect(payloads, CheckResult)
                return e.CheckFinished(
                    at=at, name=name, title=of.title, seconds=seconds, result=check
                )
        notes: tuple[str, ...] = ()
        if of.activity in NOTED:
            notes = (await self._decoder.expect(payloads, NOTED[of.activity])).notes
        return e.StepFinished(
            at=at, activity=of.activity, title=of.title, seconds=seconds, notes=notes
        )

    def failed(self, scheduled_event_id: int, how: e.How, why: str, at: e.Place) -> e.Event:
        """An activity that ended without a result."""
        of = self._scheduled.pop(scheduled_event_id)
        return e.ActivityFailed(at=at, activity=of.activity, title=of.title, how=how, why=why)


def model_answered(answer: ModelAnswer, turn: int, seconds: float, at: e.Place) -> e.ModelAnswered:
    """What a model call's answer tells an onlooker."""
    match answer.outcome:
        case ToolsWanted(uses=uses):
            detail = ", ".join(use.title for use in uses)
        case BadReport(reason=detail):
            pass
        case Interrupted(why=detail):
            pass
        case Declined(why=why, detail=said):
            detail = said or why
        case OutOfBudget(bound=bound):
            detail = bound.value
        case _:
            detail = ""
    return e.ModelAnswered(
        at=at,
        turn=turn,
        outcome=answer.outcome.kind,
        detail=detail,
        preview=answer.preview,
        usage=answer.usage,
        cost_usd=answer.cost_usd,
        lost_attempts=answer.lost_attempts,
        seconds=seconds,
    )
