"""Every call out of a workflow: its name, its timeouts, its retries, its summary.

Activities are called by name, so that workflows import types alone. Two kinds of patience:

- `start_to_close` bounds one attempt, heartbeats find a dead worker within seconds;
- faults of the infrastructure are retried without a count, bounded by `schedule_to_close`
  (a worker that shuts down counts as an attempt, so a maximum would run out by restarts alone).
  What cannot be helped by a retry, the activity itself raises as final.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.workflow import ActivityCancellationType, ChildWorkflowCancellationType

from cadre.domain.asking import Notice
from cadre.domain.base import Value
from cadre.domain.budget import Spent
from cadre.domain.decisions import CheckDecision, CheckedDecision
from cadre.domain.delegation import Delegated, Delegation
from cadre.domain.outcomes import AgentResult
from cadre.domain.render import cell, inert
from cadre.domain.runs import AgentSpec, PreparedRun, PrepareRun, RecordAgent, RecordRun
from cadre.domain.settling import SettleAgent, Settled
from cadre.domain.turns import ModelAnswer, ModelCall, SettleTurn, ToolCall, ToolResult
from cadre.domain.waiting import AGENT_ASKS, AgentAsks

T = TypeVar("T")

HEARTBEAT = timedelta(seconds=10)
# One answer of a model may take this long; a stalled stream is noticed by the client far earlier.
MODEL_ATTEMPT = timedelta(minutes=30)
# How long an outage of the Messages API may last before it ends an agent, and one of a disk or an
# object store before it ends a run: a night, and the morning in which somebody sees it.
PATIENCE = timedelta(hours=24)
# Beyond the longest timeout that a tool accepts (600 s) there is only restoring and snapshots.
TOOL_ATTEMPT = timedelta(minutes=20)
NOTICE_ATTEMPT = timedelta(seconds=30)
NOTICE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=4, maximum_attempts=5
)
RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
)


def call_model(call: ModelCall) -> Awaitable[ModelAnswer]:
    """One turn's answer of the model."""
    return activity(
        "model.call",
        call,
        ModelAnswer,
        summary=f"{call.agent_id} · turn {call.turn} · {call.agent.model.id}",
        attempt=MODEL_ATTEMPT,
    )


def settle_turn(turn: SettleTurn) -> Awaitable[Spent]:
    """What a turn has cost whose model call brought no answer."""
    summary = f"{turn.agent_id} · turn {turn.turn} · cost of its attempts"
    return activity("model.settle", turn, Spent, summary=summary)


def settle_agent(request: SettleAgent) -> Awaitable[Settled]:
    """Close an agent whose workflow ended without a result; what it used."""
    summary = f"{request.agent_id} · cost of all its calls"
    return activity("agent.settle", request, Settled, summary=summary)


def run_tool(call: ToolCall) -> Awaitable[ToolResult]:
    """One tool call, whose effect on the workspace takes place once."""
    return activity(
        "tool.run",
        call,
        ToolResult,
        summary=f"{call.agent_id} · turn {call.turn} · {call.use.title}",
        attempt=TOOL_ATTEMPT,
    )


def read_task(call: ToolCall) -> Awaitable[Delegation]:
    """What a call of the tool Task asks for."""
    summary = f"{call.agent_id} · turn {call.turn} · {call.use.title}"
    return activity("task.read", call, Delegation, summary=summary)


def answer_task(delegated: Delegated) -> Awaitable[ToolResult]:
    """Tell an agent what came of its sub-agent."""
    call, ended = delegated.call, delegated.ended
    summary = f"{call.agent_id} · turn {call.turn} · answer of {ended.agent_id}"
    return activity("task.answer", delegated, ToolResult, summary=summary)


def check_decision(request: CheckDecision) -> Awaitable[CheckedDecision]:
    """Who a decision is from, where that has to be proved."""
    summary = f"check who says so: {request.decision.id}, {request.decision.words}"
    return activity("decision.check", request, CheckedDecision, summary=summary)


async def notify(notice: Notice) -> None:
    """Tell people of a question by the webhook; after some attempts in vain, nobody is told."""
    await workflow.execute_activity(
        "decision.notify",
        notice,
        start_to_close_timeout=NOTICE_ATTEMPT,
        retry_policy=NOTICE_RETRY,
        summary=cell(notice.words, 200),
    )


async def tell_run(run: str, asks: AgentAsks) -> None:
    """Tell a run what one of its agents asks; one that has ended need not know."""
    try:
        await workflow.get_external_workflow_handle(run).signal(AGENT_ASKS, asks)
    except FailureError as failure:
        workflow.logger.warning("the run was not told what %s asks: %s", asks.agent_id, failure)


def prepare(request: PrepareRun) -> Awaitable[PreparedRun]:
    """Freeze definitions, models and prices."""
    return activity("run.prepare", request, PreparedRun, summary="freeze agents and prices")


def record_agent(request: RecordAgent) -> Awaitable[None]:
    """An agent's record in the object store."""
    return activity("record.agent", request, None, summary=f"record {request.agent_id}")


def record_run(request: RecordRun) -> Awaitable[None]:
    """The run's record in the object store."""
    return activity("record.run", request, None, summary="record the run")


def start_agent(
    spec: AgentSpec,
) -> Awaitable[workflow.ChildWorkflowHandle[Any, AgentResult]]:
    """An agent as a child workflow, `<run>/<agent_id>`, once it has started; cancelling waits until
    it has ended. Raises WorkflowAlreadyStartedError."""
    return workflow.start_child_workflow(
        "agent",
        spec,
        id=f"{spec.run}/{spec.agent_id}",
        result_type=AgentResult,
        cancellation_type=ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
        static_summary=cell(f"{spec.agent_id} · {spec.agent.model.id}", 200),
        static_details=(
            f"Definition: {spec.agent.name} ({spec.agent.source}), "
            f"tools: {', '.join(spec.agent.tools) or 'none'}\n\n{inert(spec.task)}"
        ),
    )


def reason(failure: ActivityError) -> str:
    """The one line that the activity raised, or what Temporal says happened."""
    cause = failure.cause
    return cause.message if isinstance(cause, ApplicationError) else str(cause or failure)


async def activity(
    name: str,
    request: Value | str,
    result_type: type[T] | None,
    *,
    summary: str,
    attempt: timedelta = TOOL_ATTEMPT,
    retry: RetryPolicy = RETRY,
) -> T:
    """Call the activity `name`, with the timeouts and retries that it does not say itself."""
    result: T = await workflow.execute_activity(
        name,
        request,
        result_type=result_type,
        start_to_close_timeout=attempt,
        schedule_to_close_timeout=max(PATIENCE, attempt),
        heartbeat_timeout=HEARTBEAT,
        retry_policy=retry,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=cell(summary, 200),
    )
    return result
