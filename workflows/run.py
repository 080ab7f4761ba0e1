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

from temporalio.exceptions import ActivityError

from cadre.domain.agents import Agent, Role
from cadre.domain.decisions import Decided, Question
from cadre.domain.estimate import estimate_run
from cadre.domain.ledger import Ledger, Shares
from cadre.domain.open_ends import out_of_budget_text, raised
from cadre.domain.outcomes import AgentResult, AgentState, Ending, PartState, RunResult, RunStatus
from cadre.domain.render import cell
from cadre.domain.runs import PreparedRun, RunInput
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import CheckResult
from workflows import gateway
from workflows.bounded import bounded
from workflows.branch import Branch
from workflows.decisions import Decisions
from workflows.display import Display
from workflows.ends import Stop, cancelled, stop_for, unless_cancelled
from workflows.finish import finish
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
        self._decisions = Decisions(spec.policy, self._display.waits, self._display.hear)
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
        finishing = asyncio.ensure_future(self._finish(ending))
        try:
            result = await asyncio.shield(finishing)
        except asyncio.CancelledError:  # asked to end while it ends, as what it has come to
            result = await finishing
        if result.status is RunStatus.CANCELLED:
            unless_cancelled()
        return result

    def phase(self, status: RunStatus) -> None:
        """Show what the run is doing now, and what it has cost so far."""
        unless_cancelled()
        self._display.enter(status)

    async def ask(
        self, role: Role, task: str, context: Sequence[ContextItem] = (), *, name: str = ""
    ) -> AgentResult:
        """Run an agent on the main branch to its report; Stop where it ends without one, and
        what it did stays in the workspace."""
        result = await self._team.run(self.main, role, task, context, name=name)
        while result.out_of_budget and await self.more_budget([result]):
            result = await self._team.go_on(self.main, result, Shares())
        if result.state is not AgentState.REPORTED:
            raise stop_for(result)
        return result

    async def more_budget(self, short: Sequence[AgentResult]) -> bool:
        """Whether a person raised the budget for the agents that ran out of it, all by one word.
        Nobody is asked where the run does not ask."""
        spec, budget = self.spec, self._team.budget
        if not spec.ask:
            return False
        text = out_of_budget_text(short, self.ledger.spent, budget, spec.max_cost_usd)
        decision = await self.decide(Question(id="budget", kind="budget", text=text))
        if not decision.approved_by_somebody:
            return False
        if (more := raised(budget, spec, decision.reason)) is None:
            return False
        self._team.budget = self.ledger.raised = more
        return True

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

        async def longer(before: AgentResult, shares: Shares) -> AgentResult:
            return await self.go_on(self.main, before, shares)

        results = await self.each(list(enumerate(tasks, 1)), one)
        while (short := [r for r in results if r.out_of_budget]) and await self.more_budget(short):
            again = {result.agent_id: result for result in await self.each(short, longer)}
            results = [again.get(result.agent_id, result) for result in results]
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

    async def go_on(self, branch: Branch, before: AgentResult, shares: Shares) -> AgentResult:
        """Have an agent that ran out of its share go on where it stopped, with one more share."""
        return await self._team.go_on(branch, before, shares)

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
        branch is delivered beside it. Stop where its setup command fails."""
        unless_cancelled()
        branch, opened = await Branch.open(self.spec, name, self.main.workspace.base)
        if opened.problem:
            raise Stop(RunStatus.FAILED, opened.problem)
        self.aside.append(branch)
        return branch

    async def check(
        self, name: str, *, command: str | None = None, guard_tests: bool = False
    ) -> CheckResult | None:
        """Run a command, the run's own check if none is given, on a throw-away copy of the main
        branch's files; None where there is neither."""
        unless_cancelled()
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
        return self.ledger.free(self._team.budget).cost_usd

    async def decide(self, question: Question) -> Decided:
        """Wait for a person's decision, at no cost, for as long as the run's policy lets them."""
        before = self._display.status
        self.phase(RunStatus.WAITING)
        decided = await self._decisions.ask(question)
        self.ledger.decisions.append(decided)
        self.ledger.notes.append(f"{decided.id}: {decided.words}")
        self.phase(before)
        return decided

    async def go_ahead(self, question: Question) -> Decided:
        """Wait for a person to approve; Stop where they reject."""
        decided = await self.decide(question)
        if not decided.approved:
            raise Stop(RunStatus.REJECTED, decided.words)
        return decided

    def agent(self, role: Role) -> Agent:
        """The agent that fills a role in this run."""
        return self._prepared.agents[role.name]

    async def _prepare(self) -> None:
        spec = self.spec
        self.phase(RunStatus.PREPARING)
        self.main, opened = await Branch.open(spec)
        self._opened = True
        base = opened.workspace.base  # the commit: a branch may move meanwhile
        self._prepared = prepared = await gateway.prepare(spec.preparation(base))
        self.ledger.notes += [*opened.notes, f"sandbox: {opened.sandbox}", *prepared.notes]
        models = {name: agent.model for name, agent in prepared.agents.items()}
        self.ledger.estimate = estimate_run(spec, models)
        self._team = Team(spec, prepared, self.ledger, self._display.show)
        if opened.problem:
            raise Stop(RunStatus.FAILED, opened.problem)

    async def _finish(self, ending: Ending) -> RunResult:
        branches = (*self.aside, self.main) if self._opened else ()
        return await finish(self.spec.run, ending, branches, self._decisions, self._display)
