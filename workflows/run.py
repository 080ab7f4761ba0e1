"""What every pattern stands on: a run's verbs, its books, and its orderly end.

A pattern says what happens in which order. This says what a run is: agents frozen at its start,
one workspace, a budget, a status that people can follow, commits by the engine, and at the end,
however it comes, a branch with what there is, a record, and nothing left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError

from cadre.domain.agents import Role
from cadre.domain.ledger import Ledger
from cadre.domain.render import result_details, run_details
from cadre.domain.runs import (
    AgentResult,
    Ending,
    PrepareRun,
    RecordRun,
    RunInput,
    RunResult,
    RunStatus,
)
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import Change, CheckResult, Delivery
from workflows import gateway
from workflows.branch import Branch
from workflows.ends import Stop
from workflows.team import Team

STATUS = SearchAttributeKey.for_keyword("CadreStatus")
COST = SearchAttributeKey.for_float("CadreCostUsd")


class Run:
    """The verbs of a pattern, and the state of one run."""

    def __init__(self, spec: RunInput) -> None:
        self._spec = spec
        self._ledger = Ledger()
        self._status = RunStatus.PREPARING
        self._branch: Branch | None = None
        self._team: Team  # conduct() sets it before any stage

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
        self._enter(status)

    async def ask(
        self, role: Role, task: str, context: Sequence[ContextItem] = (), *, name: str = ""
    ) -> AgentResult:
        """Run the agent of `role` to its report; Stop where it ends without one."""
        return await self._team.ask(role, task, context, name=name)

    async def gather(
        self, role: Role, tasks: Sequence[str], context: Sequence[ContextItem] = ()
    ) -> list[AgentResult]:
        """Run one agent of `role` for each task, at once; the results of those that reported."""
        return await self._team.gather(role, tasks, context)

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
        prepared = await gateway.prepare(
            PrepareRun(
                run=spec.run,
                repo=spec.repo,
                base=opened.workspace.base,  # the commit: a branch may move meanwhile
                roles=spec.cast(),
                disallowed_tools=spec.disallowed_tools,
                trust_repo=spec.trust_repo,
            )
        )
        self._ledger.notes += [*opened.notes, f"sandbox: {opened.sandbox}", *prepared.notes]
        self._team = Team(spec, prepared, self._branch, self._ledger, self._show)
        if opened.setup is not None and not opened.setup.passed:
            tail = opened.setup.tail.strip()[-500:]
            raise Stop(RunStatus.FAILED, f"the setup command failed: {tail}")

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
        self._enter(ending.status)
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

    def _enter(self, status: RunStatus) -> None:
        """Show a status in the search attributes, with what the run has cost by then."""
        self._status = status
        cost = float(round(self._ledger.spent.cost_usd, 4))
        workflow.upsert_search_attributes([STATUS.value_set(status.value), COST.value_set(cost)])
        self._show()

    def _show(self) -> None:
        """Show who works and who has ended, in the current details."""
        ledger = self._ledger
        workflow.set_current_details(
            run_details(self._status, ledger.lines, ledger.working, ledger.spent)
        )


def cancelled() -> bool:
    """Whether the run was asked to end."""
    return workflow.cancellation_reason() is not None
