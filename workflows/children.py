"""Agents as child workflows: a few start at a time, and none takes the place of another."""

from __future__ import annotations

import asyncio

from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError

from cadre.domain.budget import Bound
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.runs import AgentSpec, RecordAgent
from cadre.domain.waiting import AgentAsks
from workflows import gateway
from workflows.ends import cancelled, taken, without_result

# What starts in one workflow task travels to the server in one request, of 4 MB at most, with each
# agent's task in it twice: as its input, and as what people read of it.
STARTS_AT_ONCE = 8


class Children:
    """Starts the agents of one workflow, in the order in which they are asked for. With
    `tell_run`, that is not the run itself: it hears of an agent that could not tell it itself."""

    def __init__(self, *, tell_run: bool = False) -> None:
        self._tell_run = tell_run
        self._starting = asyncio.Semaphore(STARTS_AT_ONCE)

    async def run(self, spec: AgentSpec) -> AgentResult:
        """An agent to its end, however that comes. One whose history is full goes on with a new
        one."""
        result = await self._run(spec)
        while result.bound is Bound.HISTORY:  # each time some turns later, and turns are bounded
            try:
                await gateway.record_agent(RecordAgent(run=spec.run, agent_id=spec.agent_id))
            except ActivityError:
                if not cancelled():
                    return result  # what it has done counts
            if cancelled():
                ended = {"state": AgentState.CANCELLED, "why": "cancelled", "bound": None}
                return result.model_copy(update=ended)
            spec = spec.model_copy(update={"before": result, "snapshot": result.snapshot})
            result = await self._run(spec)
        return result

    async def _run(self, spec: AgentSpec) -> AgentResult:
        try:
            async with self._starting:
                agent = await gateway.start_agent(spec)
            return await agent
        except WorkflowAlreadyStartedError:
            return taken(spec)
        except ChildWorkflowError as failure:
            result = await without_result(spec, failure)
            if self._tell_run:
                await gateway.tell_run(spec.run, AgentAsks(agent_id=spec.agent_id))  # nothing now
            return result
