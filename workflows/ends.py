"""How runs and agents end that do not come to what they were asked for."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, is_cancelled_exception

from cadre.domain.budget import Bound, Spent
from cadre.domain.outcomes import AgentResult, AgentState, Ending, RunStatus
from cadre.domain.runs import AgentSpec
from cadre.domain.settling import SettleAgent, at_most
from workflows import gateway


class Stop(Exception):  # noqa: N818 - an expected end, not an error
    """The pattern cannot go on; the run ends with this status."""

    def __init__(self, status: RunStatus, summary: str) -> None:
        super().__init__(summary)
        self.ending = Ending(status=status, summary=summary)


def cancelled() -> bool:
    """Whether the workflow was asked to end."""
    return workflow.cancellation_reason() is not None


def unless_cancelled() -> None:
    """Go on only where the workflow was not asked to end. It is told so once, and what it waited
    for then may have ended in order: an agent with a result, a call that was just done."""
    if cancelled():
        raise asyncio.CancelledError


async def without_result(spec: AgentSpec, failure: ChildWorkflowError) -> AgentResult:
    """The result of an agent that was terminated, or failed as no agent should. It is charged with
    what its calls may have used; where that cannot be told, with all that it might have used."""
    gone = is_cancelled_exception(failure)
    try:
        used = await gateway.settle_agent(SettleAgent(run=spec.run, agent_id=spec.agent_id))
    except ActivityError as unknown:
        workflow.logger.warning("what an agent used is not known: %s", gateway.reason(unknown))
        used = at_most(spec.limits, spec.before)
    return AgentResult(
        agent_id=spec.agent_id,
        state=AgentState.CANCELLED if gone else AgentState.FAILED,
        why=str(failure.cause or failure),
        snapshot=spec.snapshot,
        turns=used.turns,
        spent=used.spent,
        helpers=used.helpers,
    )


def not_started(agent_id: str, snapshot: str, bound: Bound) -> AgentResult:
    """The result of an agent that a bound of its run did not let begin."""
    why = f"the run's bound of {bound.value}, before it began"
    return _unused(agent_id, snapshot, AgentState.BOUND, why, bound)


def superseded(agent_id: str, snapshot: str) -> AgentResult:
    """The result of asking an agent to go on from an end that is its last no more."""
    why = "it has not gone on: it is at work already, or has gone on meanwhile"
    return _unused(agent_id, snapshot, AgentState.FAILED, why)


def taken(spec: AgentSpec) -> AgentResult:
    """The result of an agent that could not start because a workflow has its ID and is open."""
    why = (
        f"a workflow {spec.run}/{spec.agent_id} is open that this run did not start: end it, and "
        "start the run again with another --id"
    )
    if spec.before is None:
        return _unused(spec.agent_id, spec.snapshot, AgentState.NOT_STARTED, why)
    told = {"state": AgentState.NOT_STARTED, "why": why, "bound": None}
    return spec.before.model_copy(update=told)


def _unused(
    agent_id: str, snapshot: str, state: AgentState, why: str, bound: Bound | None = None
) -> AgentResult:
    """The result of what used nothing."""
    return AgentResult(
        agent_id=agent_id,
        state=state,
        bound=bound,
        why=why,
        snapshot=snapshot,
        turns=0,
        spent=Spent(),
    )


def stop_for(result: AgentResult) -> Stop:
    """How a run ends that needed the report that this agent did not make."""
    summary = f"{result.agent_id} {result.words}"
    if result.state is AgentState.CANCELLED:
        return Stop(RunStatus.CANCELLED, summary)
    if result.state is AgentState.BOUND:
        money = result.bound in (Bound.COST, Bound.TOKENS)
        return Stop(RunStatus.OUT_OF_BUDGET if money else RunStatus.NOT_APPROVED, summary)
    return Stop(RunStatus.FAILED, summary)
