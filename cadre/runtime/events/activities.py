"""The activities of one workflow: what was scheduled, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.api.history.v1 import (
    ActivityTaskCompletedEventAttributes,
    ActivityTaskScheduledEventAttributes,
    ActivityTaskStartedEventAttributes,
)

from cadre.domain.asking import Notice
from cadre.domain.delegation import Delegated, Delegation, Refused
from cadre.domain.outcomes import RunResult
from cadre.domain.runs import PreparedRun, RecordRun
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
from cadre.storage import keys

REQUESTS = {
    "model.call": ModelCall,
    "tool.run": ToolCall,
    "task.read": ToolCall,
    "task.answer": Delegated,
    "workspace.check": RunCheck,
    "record.run": RecordRun,
    "decision.notify": Notice,
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


@dataclass(frozen=True)
class FileChange:
    """A tool call that changed files, and the snapshot that it left."""

    call: ToolCall
    snapshot: str


class Activities:
    """Turns a workflow's activity events, in their order, into typed ones."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._scheduled: dict[int, Scheduled] = {}
        self.recorded: RunResult | None = None
        self.changes: dict[int, FileChange] = {}

    async def scheduled(
        self, attributes: ActivityTaskScheduledEventAttributes, title: str, at: e.Place
    ) -> e.Event | None:
        """Remember an activity until it ends; nothing is told of one that ends a tool call."""
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
            case Delegated():
                return None
            case Notice(question=question, decided=decided) if decided is not None:
                return e.QuestionExpired(
                    at=at, question=question.id, verdict=decided.verdict, why=decided.reason
                )
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
    ) -> e.Event | None:
        """An activity's result; nothing where a sub-agent follows from it."""
        of = self._scheduled.pop(attributes.scheduled_event_id)
        payloads = attributes.result.payloads
        seconds = (at.time - of.place.time).total_seconds()
        match of.request:
            case ModelCall() as call:
                answer = await self._decoder.expect(payloads, ModelAnswer)
                return model_answered(answer, call, seconds, at)
            case ToolCall() as call if of.activity == "task.read":
                outcome = (await self._decoder.expect(payloads, Delegation)).outcome
                if isinstance(outcome, Refused):
                    return tool_finished(call, outcome.result, at)
                return None
            case ToolCall() | Delegated():
                call = of.request if isinstance(of.request, ToolCall) else of.request.call
                result = await self._decoder.expect(payloads, ToolResult)
                if result.snapshot != call.snapshot and not call.use.read_only:
                    self.changes[at.event_id] = FileChange(call, result.snapshot)
                return tool_finished(call, result, at)
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


def tool_finished(call: ToolCall, result: ToolResult, at: e.Place) -> e.ToolFinished:
    """What a tool call's result tells an onlooker."""
    return e.ToolFinished(
        at=at,
        turn=call.turn,
        use_id=call.use.id,
        title=call.use.title,
        is_error=result.is_error,
        denied=result.denied,
        preview=result.preview,
        seconds=result.seconds,
        key=keys.tool_result(call.run, call.agent_id, call.turn, call.use.id),
    )


def model_answered(
    answer: ModelAnswer, call: ModelCall, seconds: float, at: e.Place
) -> e.ModelAnswered:
    """What a model call's answer tells an onlooker."""
    key = keys.turn(call.run, call.agent_id, call.turn)
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
            detail, key = bound.value, ""  # no call was made
        case _:
            detail = ""
    return e.ModelAnswered(
        at=at,
        turn=call.turn,
        outcome=answer.outcome.kind,
        detail=detail,
        preview=answer.preview,
        usage=answer.usage,
        cost_usd=answer.cost_usd,
        asked=answer.model,
        lost_usd=answer.lost_usd,
        lost_tokens=answer.lost_tokens,
        lost_attempts=answer.lost_attempts,
        seconds=seconds,
        key=key,
    )
