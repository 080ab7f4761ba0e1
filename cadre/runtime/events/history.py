"""From a workflow's history to typed events: the history is the only log there is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

from temporalio.api.enums.v1 import WorkflowTaskFailedCause as Cause
from temporalio.api.history.v1 import (
    HistoryEvent,
    WorkflowExecutionCompletedEventAttributes,
    WorkflowExecutionStartedEventAttributes,
)
from temporalio.converter import DataConverter

from cadre.domain.outcomes import AgentResult, RunResult
from cadre.domain.runs import AgentSpec
from cadre.runtime.events import people
from cadre.runtime.events import types as e
from cadre.runtime.events.activities import Activities, FileChange
from cadre.runtime.events.decode import Decoder, reason
from cadre.runtime.events.words import summary

AGENT = "agent"
TASK_PREVIEW = 500
# The other causes are Temporal's own business: it repeats the task at once, and nothing is wrong.
FAULTS = frozenset(
    {
        Cause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
        Cause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
        Cause.WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
    }
)


class HistoryReader:
    """Reads one workflow's history, event by event and from its beginning."""

    def __init__(self, workflow: str, run_id: str, converter: DataConverter) -> None:
        self._workflow = workflow
        self._run_id = run_id
        self._decoder = Decoder(workflow, converter)
        self._activities = Activities(self._decoder)
        self._is_agent = False
        self._waits = ""

    @property
    def recorded(self) -> RunResult | None:
        """The result that the run has handed to its record, if it came so far."""
        return self._activities.recorded

    @property
    def changes(self) -> Mapping[int, FileChange]:
        """The tool calls so far that changed files, by the IDs of their last events."""
        return self._activities.changes

    async def read(self, event: HistoryEvent) -> e.Event | None:
        """The typed event that `event` stands for, if any.

        Raises CadreError where a payload is not of the type that this version writes.
        """
        found = await self._read(event)
        if found is None:
            return None
        return found.model_copy(update={"summary": summary(found)})

    async def _read(self, event: HistoryEvent) -> e.Event | None:
        which = (event.WhichOneof("attributes") or "").removesuffix("_event_attributes")
        if which.startswith("activity_task_"):
            return await self._activity(which.removeprefix("activity_task_"), event)
        if which.startswith("workflow_execution_"):
            return await self._execution(which.removeprefix("workflow_execution_"), event)
        if which == "upsert_workflow_search_attributes":
            upsert = event.upsert_workflow_search_attributes_event_attributes
            return self._news(await people.shown(self._decoder, upsert, self._place(event)))
        if which == "workflow_properties_modified":
            changed = event.workflow_properties_modified_event_attributes
            return await people.refused(self._decoder, changed, self._place(event))
        if which == "workflow_task_failed":
            task = event.workflow_task_failed_event_attributes
            if task.cause in FAULTS:
                return e.WorkflowTaskFailed(at=self._place(event), why=reason(task.failure))
        return None

    def _news(self, found: e.Event | None) -> e.Event | None:
        """What is shown, unless only an agent's questions have changed."""
        if not isinstance(found, e.WaitingChanged):
            return found
        before, self._waits = self._waits, found.what
        return found if found.what != before else None

    def _place(self, event: HistoryEvent) -> e.Place:
        return e.Place(
            workflow=self._workflow,
            run_id=self._run_id,
            event_id=event.event_id,
            time=event.event_time.ToDatetime(tzinfo=UTC),
            agent_id=self._workflow.partition("/")[2],
        )

    async def _activity(self, which: str, event: HistoryEvent) -> e.Event | None:
        at, activities = self._place(event), self._activities
        match which:
            case "scheduled":
                title = ""
                if event.user_metadata.HasField("summary"):
                    title = await self._decoder.expect([event.user_metadata.summary], str)
                scheduled = event.activity_task_scheduled_event_attributes
                return await activities.scheduled(scheduled, title, at)
            case "started":
                started = event.activity_task_started_event_attributes
                return activities.started(started, reason(started.last_failure), at)
            case "completed":
                completed = event.activity_task_completed_event_attributes
                return await activities.completed(completed, at)
            case "failed":
                failed = event.activity_task_failed_event_attributes
                why = reason(failed.failure)
                return activities.failed(failed.scheduled_event_id, "failed", why, at)
            case "timed_out":
                late = event.activity_task_timed_out_event_attributes
                why = reason(late.failure)
                return activities.failed(late.scheduled_event_id, "timed out", why, at)
            case "canceled":
                ended = event.activity_task_canceled_event_attributes
                return activities.failed(ended.scheduled_event_id, "cancelled", "cancelled", at)
        return None

    async def _execution(self, which: str, event: HistoryEvent) -> e.Event | None:
        at = self._place(event)
        match which:
            case "started":
                return await self._started(event.workflow_execution_started_event_attributes, at)
            case "cancel_requested":
                return e.CancelRequested(at=at)
            case "update_accepted":
                update = event.workflow_execution_update_accepted_event_attributes.accepted_request
                return await people.decision(
                    self._decoder, update.input.name, update.input.args.payloads, at
                )
            case "update_completed":
                outcome = event.workflow_execution_update_completed_event_attributes.outcome
                if outcome.HasField("failure"):
                    return e.DecisionRefused(at=at, why=reason(outcome.failure))
            case "signaled":
                signal = event.workflow_execution_signaled_event_attributes
                return await people.decision(
                    self._decoder, signal.signal_name, signal.input.payloads, at
                )
            case "completed":
                return await self._completed(
                    event.workflow_execution_completed_event_attributes, at
                )
            case "failed":
                failure = event.workflow_execution_failed_event_attributes.failure
                return self._ended("failed", at, why=reason(failure))
            case "canceled":
                return self._ended("cancelled", at, why="cancelled")
            case "terminated":
                why = event.workflow_execution_terminated_event_attributes.reason
                return self._ended("terminated", at, why=why or "terminated")
            case "timed_out":
                return self._ended("timed out", at, why="timed out")
            case "continued_as_new":
                return self._ended("continued as new", at)
        return None

    async def _started(
        self, attributes: WorkflowExecutionStartedEventAttributes, at: e.Place
    ) -> e.Event:
        payloads, pattern = attributes.input.payloads, attributes.workflow_type.name
        self._is_agent = pattern == AGENT
        if not self._is_agent:
            given = await self._decoder.expect(payloads, dict[str, object])
            return e.RunStarted(at=at, pattern=pattern, input=given)
        spec = await self._decoder.expect(payloads, AgentSpec)
        return e.AgentStarted(
            at=at,
            role=spec.agent.role.name,
            definition=spec.agent.name,
            source=spec.agent.source,
            model=spec.agent.model.id,
            models=(spec.agent.model, *([spec.agent.fallback] if spec.agent.fallback else [])),
            tools=spec.agent.tools,
            task=spec.task[:TASK_PREVIEW],
        )

    async def _completed(
        self, attributes: WorkflowExecutionCompletedEventAttributes, at: e.Place
    ) -> e.Event:
        payloads = attributes.result.payloads
        if self._is_agent:
            result = await self._decoder.expect(payloads, AgentResult)
            return e.AgentEnded(at=at, close="completed", result=result)
        run_result = await self._decoder.expect(payloads, RunResult)
        return e.RunEnded(at=at, close="completed", result=run_result)

    def _ended(self, close: e.Close, at: e.Place, why: str = "") -> e.Event:
        if self._is_agent:
            return e.AgentEnded(at=at, close=close, why=why)
        return e.RunEnded(at=at, close=close, result=self.recorded, why=why)
