"""A run's agents: asked one by one or gathered, each within the budget, each in the books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal

from temporalio.exceptions import ChildWorkflowError

from cadre.domain.agents import Role
from cadre.domain.budget import Limits
from cadre.domain.ledger import Ledger
from cadre.domain.runs import (
    AgentResult,
    AgentSpec,
    AgentState,
    PreparedRun,
    RecordAgent,
    RunInput,
    RunStatus,
)
from cadre.domain.turns import ContextItem
from workflows import gateway
from workflows.branch import Branch
from workflows.ends import Stop, stop_for, without_result

SHARE_STEP = Decimal("0.000001")


class Team:
    """Runs agents on a branch; `changed` is called when one starts or ends."""

    def __init__(
        self,
        spec: RunInput,
        prepared: PreparedRun,
        branch: Branch,
        ledger: Ledger,
        changed: Callable[[], None],
    ) -> None:
        self._spec = spec
        self._prepared = prepared
        self._branch = branch
        self._ledger = ledger
        self._changed = changed

    async def ask(
        self, role: Role, task: str, context: Sequence[ContextItem] = (), *, name: str = ""
    ) -> AgentResult:
        """Run the agent of `role` to its report, within all that the budget still holds.

        Raises Stop where it ends without one; what it did stays in the workspace.
        """
        budget = self._left
        result = await self._agent(role, task, context, name or role.name, budget)
        if result.state is not AgentState.REPORTED:
            raise stop_for(result)
        return result

    async def gather(
        self, role: Role, tasks: Sequence[str], context: Sequence[ContextItem] = ()
    ) -> list[AgentResult]:
        """Run one agent of `role` for each task, at once, each with an equal share of the budget.

        A failed one leaves its siblings alone; Stop is raised only where none made a report.
        """
        left = self._left
        share = (left / len(tasks)).quantize(SHARE_STEP, ROUND_DOWN)
        names = [f"{role.name}.{n}" for n in range(1, len(tasks) + 1)] if tasks[1:] else [role.name]
        results = await asyncio.gather(
            *(self._agent(role, t, context, n, share) for t, n in zip(tasks, names, strict=True))
        )
        reported = [result for result in results if result.state is AgentState.REPORTED]
        if not reported:
            raise stop_for(results[0])
        return reported

    @property
    def _left(self) -> Decimal:
        return self._ledger.left(self._spec.max_cost_usd)

    async def _agent(
        self, role: Role, task: str, context: Sequence[ContextItem], name: str, budget: Decimal
    ) -> AgentResult:
        """An agent from its start to its line in the books; whatever fails becomes its result."""
        if budget <= 0:
            raise Stop(RunStatus.OUT_OF_BUDGET, f"{self._spec.max_cost_usd} USD are spent")
        spec = self._agent_spec(role, task, context, name, budget)
        self._ledger.began(name)
        self._changed()
        try:
            result = await gateway.run_agent(spec)
        except ChildWorkflowError as failure:
            result = without_result(spec, failure)
        self._ledger.ended(result, spec.agent)
        if role.writes:
            self._branch.snapshot, self._branch.writer = result.snapshot, name
        self._changed()
        await gateway.record_agent(RecordAgent(run=spec.run, agent_id=name))
        return result

    def _agent_spec(
        self, role: Role, task: str, context: Sequence[ContextItem], name: str, budget: Decimal
    ) -> AgentSpec:
        agent, spec = self._prepared.agents[role.name], self._spec
        conventions = self._prepared.conventions
        return AgentSpec(
            run=spec.run,
            agent_id=name,
            agent=agent,
            task=task,
            context=(*((conventions,) if conventions else ()), *context),
            workspace=self._branch.workspace,
            snapshot=self._branch.snapshot,
            limits=Limits(
                max_turns=min(spec.max_turns, agent.max_turns or spec.max_turns),
                max_cost_usd=budget,
                max_active_seconds=spec.max_minutes * 60,
            ),
        )
