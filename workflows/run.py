"""What every pattern stands on: a run's verbs, its books, and its orderly end.

A pattern says what happens in which order. This says what a run is: agents frozen at its start,
one workspace, a budget, a status that people can follow, commits by the engine, and at the end,
however it comes, a branch with what there is, a record, and nothing left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import ROUND_DOWN, Decimal

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ChildWorkflowError

from cadre.domain.agents import Role
from cadre.domain.budget import Limits
from cadre.domain.ledger import Ledger
from cadre.domain.render import result_details, run_details
from cadre.domain.runs import (
    AgentResult,
    AgentSpec,
    AgentState,
    Ending,
    PreparedRun,
    PrepareRun,
    RecordAgent,
    RecordRun,
    RunInput,
    RunResult,
    RunStatus,
)
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import Change, CheckResult, Delivery
from workflows import gateway
from workflows.branch import Branch
from workflows.ends import Stop, stop_for, without_result

STATUS = SearchAttributeKey.for_keyword("CadreStatus")
COST = SearchAttributeKey.for_float("CadreCostUsd")
SHARE_STEP = Decimal("0.000001")


class Run:
    """The verbs of a pattern, and the state of one run."""

    def __init__(self, spec: RunInput) -> None:
        self._spec = spec
        self._ledger = Ledger()
        self._status: RunStatus | None = None
        self._prepared = PreparedRun(agents={})
        self._branch: Branch | None = None

    async def conduct(self, stages: Callable[[], Awaitable[Ending]]) -> RunResult:
        """Prepare, go through the pattern's stages, and end in order, whatever happens.

        Expected ends are results. A cancelled run ends just as orderly, then closes as cancelled.
        """
        try:
            await self._prepare()
            ending = await stages()
        except Stop as stop:
            ending = stop.ending
        except (ActivityError, asyncio.CancelledError) as failure:
            if cancelled():
                ending = Ending(status=RunStatus.CANCELLED, summary="cancelled")
            elif isinstance(failure, ActivityError):
                ending = Ending(status=RunStatus.FAILED, summary=gateway.reason(failure))
            else:
                raise  # evicted from the worker's cache, not ended
        result = await self._finish(ending)
        if cancelled():
            raise asyncio.CancelledError
        return result

    def phase(self, status: RunStatus) -> None:
        """Show what the run is doing now, and what it has cost so far."""
        if cancelled():
            raise asyncio.CancelledError
        self._show(status)

    async def ask(
        self, role: Role, task: str, context: Sequence[ContextItem] = (), *, name: str = ""
    ) -> AgentResult:
        """Run the agent of `role` to its report, within all that the budget still holds.

        Raises Stop where it ends without one; what it did stays in the workspace.
        """
        budget = self._ledger.left(self._spec.max_cost_usd)
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
        left = self._ledger.left(self._spec.max_cost_usd)
        share = (left / len(tasks)).quantize(SHARE_STEP, ROUND_DOWN)
        names = [f"{role.name}.{n}" for n in range(1, len(tasks) + 1)] if tasks[1:] else [role.name]
        results = await asyncio.gather(
            *(self._agent(role, t, context, n, share) for t, n in zip(tasks, names, strict=True))
        )
        reported = [result for result in results if result.state is AgentState.REPORTED]
        if not reported:
            raise stop_for(results[0])
        return reported

    async def check(self, name: str, *, guard_tests: bool = False) -> CheckResult | None:
        """Run the run's check command, if there is one, on a throw-away copy of the files."""
        if self._spec.check is None:
            return None
        result = await self._files.check(self._spec.check, name, guard_tests=guard_tests)
        self._ledger.checks.append(result)
        return result

    async def describe(self, name: str) -> Change:
        """The change since the base, as a diff that an agent can read."""
        return await self._files.describe(name)

    async def commit(self, subject: str, body: str) -> None:
        """Commit what the last agent that writes left in the workspace."""
        await self._files.commit(subject, body)

    @property
    def base(self) -> str:
        """The commit that the run started from."""
        return self._files.workspace.base

    @property
    def _files(self) -> Branch:
        if self._branch is None:
            raise RuntimeError("conduct() opens the workspace before any stage")
        return self._branch

    async def _prepare(self) -> None:
        spec = self._spec
        self.phase(RunStatus.PREPARING)
        self._branch, opened = await Branch.open(spec)
        self._prepared = await gateway.prepare(
            PrepareRun(
                run=spec.run,
                repo=spec.repo,
                base=opened.workspace.base,  # the commit: a branch may move meanwhile
                roles=spec.cast(),
                disallowed_tools=spec.disallowed_tools,
                trust_repo=spec.trust_repo,
            )
        )
        self._ledger.notes += [*opened.notes, f"sandbox: {opened.sandbox}", *self._prepared.notes]
        if opened.setup is not None and not opened.setup.passed:
            tail = opened.setup.tail.strip()[-500:]
            raise Stop(RunStatus.FAILED, f"the setup command failed: {tail}")

    async def _agent(
        self, role: Role, task: str, context: Sequence[ContextItem], name: str, budget: Decimal
    ) -> AgentResult:
        """An agent from its start to its line in the books; whatever fails becomes its result."""
        if budget <= 0:
            raise Stop(RunStatus.OUT_OF_BUDGET, f"{self._spec.max_cost_usd} USD are spent")
        spec = self._agent_spec(role, task, context, name, budget)
        self._ledger.began(name)
        self._show(self._status)
        try:
            result = await gateway.run_agent(spec)
        except ChildWorkflowError as failure:
            result = without_result(spec, failure)
        self._ledger.ended(result, spec.agent)
        if role.writes:
            self._files.snapshot, self._files.writer = result.snapshot, name
        self._show(self._status)
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
            workspace=self._files.workspace,
            snapshot=self._files.snapshot,
            limits=Limits(
                max_turns=min(spec.max_turns, agent.max_turns or spec.max_turns),
                max_cost_usd=budget,
                max_active_seconds=spec.max_minutes * 60,
            ),
        )

    async def _finish(self, ending: Ending) -> RunResult:
        """Keep what there is on a branch, write the record, clear the workspace away."""
        run, branch, delivery, lost = self._spec.run, self._branch, None, False
        if branch is not None:
            try:
                delivery = await self._deliver(branch)
            except ActivityError as failure:
                ending = Ending(status=RunStatus.FAILED, summary=gateway.reason(failure))
                lost = True
        base = branch.workspace.base if branch else ""
        result = self._ledger.result(run, ending, base, delivery)
        self._show(ending.status)
        await gateway.record_run(RecordRun(run=run, result=result))
        if branch is not None and not lost:
            await branch.close()
        workflow.set_current_details(result_details(result))
        return result

    async def _deliver(self, branch: Branch) -> Delivery | None:
        await branch.commit("Work in progress", f"{branch.writer} ended without a report.")
        delivery = await branch.deliver()
        if delivery is None:
            self._ledger.notes.append("nothing was changed, so there is no branch")
        return delivery

    def _show(self, status: RunStatus | None) -> None:
        if status is None:
            return
        spent = self._ledger.spent
        if status is not self._status:
            workflow.upsert_search_attributes(
                [STATUS.value_set(status.value), COST.value_set(float(spent.cost_usd))]
            )
        self._status = status
        lines, working = self._ledger.lines, self._ledger.working
        workflow.set_current_details(run_details(status, lines, working, spent))


def cancelled() -> bool:
    """Whether the run was asked to end."""
    return workflow.cancellation_reason() is not None
