"""What every pattern stands on: a run's verbs, its books, and its orderly end.

A pattern says what happens in which order. This says what a run is: agents frozen at its start,
workspaces, a budget, a status that people can follow, commits by the engine, and at the end,
however it comes, branches with what there is, a record, and nothing left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from cadre.domain.agents import Agent, Role
from cadre.domain.decisions import Decision, Question
from cadre.domain.ledger import Ledger, Shares
from cadre.domain.render import cell, result_details
from cadre.domain.runs import (
    AgentResult,
    AgentState,
    Ending,
    PartState,
    PreparedRun,
    PrepareRun,
    RecordRun,
    RunInput,
    RunResult,
    RunStatus,
)
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import CheckResult, Delivery
from workflows import gateway
from workflows.bounded import bounded
from workflows.branch import Branch
from workflows.decisions import Decisions
from workflows.display import Display
from workflows.ends import Stop, stop_for
from workflows.team import Team

T = TypeVar("T")
R = TypeVar("R")


class Run:
    """The verbs of a pattern, and the state of one run.

    `main` is the branch that the run is about; `aside` are those that are delivered beside it.
    """

    main: Branch  # conduct() sets these before any stage
    _team: Team
    _prepared: PreparedRun

    def __init__(self, spec: RunInput) -> None:
        self.spec = spec
        self.ledger = Ledger()
        self.aside: list[Branch] = []
        self._display = Display(self.ledger)
        self._decisions = Decisions()
        self._opened = False

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
        self._display.enter(status)

    async def ask(
        self, role: Role, task: str, context: Sequence[ContextItem] = (), *, name: str = ""
    ) -> AgentResult:
        """Run an agent on the main branch to its report; Stop where it ends without one, and
        what it did stays in the workspace."""
        result = await self._team.run(self.main, role, task, context, name=name)
        if result.state is not AgentState.REPORTED:
            raise stop_for(result)
        return result

    async def gather(
        self, role: Role, tasks: Sequence[str], context: Sequence[ContextItem] = ()
    ) -> list[AgentResult]:
        """Run one agent that only reads for each task, at once; the results of those that
        reported. A failed one leaves its siblings alone; Stop is raised where none made a report.
        """

        async def one(numbered: tuple[int, str], shares: Shares) -> AgentResult:
            number, task = numbered
            name = f"{role.name}.{number}" if tasks[1:] else role.name
            return await self.attempt(self.main, role, task, context, name=name, shares=shares)

        results = await self.each(list(enumerate(tasks, 1)), one)
        reported = [result for result in results if result.state is AgentState.REPORTED]
        if not reported:
            raise stop_for(results[0])
        return reported

    async def attempt(
        self,
        branch: Branch,
        role: Role,
        task: str,
        context: Sequence[ContextItem] = (),
        *,
        name: str = "",
        shares: Shares | None = None,
    ) -> AgentResult:
        """Run an agent on `branch` to its end, whatever that is."""
        return await self._team.run(branch, role, task, context, name=name, shares=shares)

    async def each(
        self,
        items: Sequence[T],
        work: Callable[[T, Shares], Awaitable[R]],
        *,
        spare_shares: int = 0,
    ) -> list[R]:
        """Do `work` for each item, as many at once as the run allows, with equal shares of the
        budget; `spare_shares` are kept for what comes after."""
        shares = Shares(len(items) + spare_shares)
        return await bounded(self.spec.at_once, items, lambda item: work(item, shares))

    async def open_aside(self, name: str) -> Branch:
        """One more workspace at the run's base. What it holds at the end that is not on the main
        branch is delivered beside it."""
        branch, _ = await Branch.open(self.spec, name, self.main.workspace.base)
        self.aside.append(branch)
        return branch

    async def check(
        self, name: str, *, command: str | None = None, guard_tests: bool = False
    ) -> CheckResult | None:
        """Run a command, the run's own check if none is given, on a throw-away copy of the main
        branch's files; None where there is neither."""
        command = command or self.spec.check
        if command is None:
            return None
        result = await self.main.check(command, name, guard_tests=guard_tests)
        self.ledger.checked(result)
        return result

    def part(
        self, number: int, state: PartState, why: str = "", branch: Branch | None = None
    ) -> None:
        """Note how a part stands, and the branch where its work is, if there is any."""
        where = branch.target if branch is not None and branch.changed else ""
        told = {"state": state, "why": cell(why, 500), "branch": where}
        self.ledger.parts[number] = self.ledger.parts[number].model_copy(update=told)
        self._display.show()

    @property
    def free(self) -> Decimal:
        """US dollars of the budget that are neither spent nor promised."""
        return self.ledger.free(self.spec.max_cost_usd)

    async def go_ahead(self, question: Question) -> Decision:
        """Wait for a person to approve; Stop where they reject."""
        self.phase(RunStatus.WAITING)
        self._display.ask(question)
        decision = await self._decisions.ask(question)
        self.ledger.notes.append(f"{question.id}: {decision.words}")
        if not decision.approved:
            raise Stop(RunStatus.REJECTED, decision.words)
        return decision

    def agent(self, role: Role) -> Agent:
        """The agent that fills a role in this run."""
        return self._prepared.agents[role.name]

    async def _prepare(self) -> None:
        spec = self.spec
        self.phase(RunStatus.PREPARING)
        self.main, opened = await Branch.open(spec)
        self._opened = True
        self._prepared = prepared = await gateway.prepare(
            PrepareRun(
                run=spec.run,
                repo=spec.repo,
                base=opened.workspace.base,  # the commit: a branch may move meanwhile
                roles=spec.cast(),
                disallowed_tools=spec.disallowed_tools,
                permission_mode=spec.permission_mode,
                allow=spec.allow,
                deny=spec.deny,
                no_hooks=spec.no_hooks,
                trust_repo=spec.trust_repo,
            )
        )
        self.ledger.notes += [*opened.notes, f"sandbox: {opened.sandbox}", *prepared.notes]
        self._team = Team(spec, prepared, self.ledger, self._display.show)
        if opened.setup is not None and not opened.setup.passed:
            tail = opened.setup.tail.strip()[-500:]
            raise Stop(RunStatus.FAILED, f"the setup command failed: {tail}")

    async def _finish(self, ending: Ending) -> RunResult:
        """Keep what there is on branches, write the record, clear the workspaces away."""
        run, delivery, lost = self.spec.run, None, False
        if self._opened:
            try:
                delivery = await self._deliver()
            except ActivityError as failure:
                ending = Ending(status=RunStatus.FAILED, summary=gateway.reason(failure))
                lost = True
        base = self.main.workspace.base if self._opened else ""
        result = self.ledger.result(run, ending, base, delivery)
        self._display.enter(ending.status)
        await gateway.record_run(RecordRun(run=run, result=result))
        if self._opened and not lost:
            await gateway.close_workspace(run)
        workflow.set_current_details(result_details(result))
        return result

    async def _deliver(self) -> Delivery | None:
        for branch in self.aside:
            await branch.deliver()
        delivery = await self.main.deliver()
        if delivery is None:
            self.ledger.notes.append("nothing was changed, so there is no branch")
        return delivery


def cancelled() -> bool:
    """Whether the run was asked to end."""
    return workflow.cancellation_reason() is not None
