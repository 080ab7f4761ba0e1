"""The parts of a fanned-out task: each an agent in a workspace of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from temporalio.exceptions import ActivityError

from cadre.domain import briefs
from cadre.domain.ledger import Shares
from cadre.domain.outcomes import AgentResult, AgentState, PartLine, PartState
from cadre.domain.reports import BuildReport, SplitPart
from cadre.domain.roles import WORKER
from workflows import gateway
from workflows.branch import Branch
from workflows.ends import Stop, cancelled
from workflows.run import Run


@dataclass(frozen=True)
class Built:
    """A part that an agent has worked at: its branch, and how that agent ended."""

    number: int
    branch: Branch
    result: AgentResult


class Parts:
    """Does the parts, as many at once as the run allows; the ledger tells how each stands."""

    def __init__(self, run: Run, parts: Sequence[SplitPart], whole: str) -> None:
        self._run = run
        self._parts = dict(enumerate(parts, 1))
        self._whole = whole
        for number, part in self._parts.items():
            run.ledger.parts[number] = PartLine(number=number, title=part.title[:200])

    async def build(self) -> list[Built]:
        """Do them all; the ones that were done. One that fails leaves the others alone, and what
        there is of it stays on its branch. A share of the budget is kept for the integration; what
        is left besides goes to the agents that have used their shares up. For those that are short
        even then, a person may raise the budget."""
        worked = await self._run.each(list(self._parts), self._work, spare_shares=1)
        parts = {part.number: part for part in worked if part}
        short = [part for part in parts.values() if part.result.out_of_budget]
        while short:
            longer = await self._run.each(short, self._go_on, spare_shares=1)
            parts |= {part.number: part for part in longer}
            short = [part for part in longer if part.result.out_of_budget]
            if short and not await self._run.more_budget([part.result for part in short]):
                break
        return [part for part in parts.values() if self._is_built(part)]

    def _is_built(self, part: Built) -> bool:
        return self._run.ledger.parts[part.number].state is PartState.BUILT

    async def _work(self, number: int, shares: Shares) -> Built | None:
        run = self._run
        run.part(number, PartState.WORKING)
        try:
            branch = await run.open_aside(str(number))
        except ActivityError as failure:
            shares.waive()
            if cancelled():
                raise
            run.part(number, PartState.FAILED, gateway.reason(failure))
            return None
        except Stop as stop:
            shares.waive()
            run.part(number, PartState.FAILED, stop.ending.summary)
            return None
        task = briefs.part_task(self._parts[number], self._whole, run.spec.check)
        result = await run.attempt(
            branch, WORKER, task, name=f"{WORKER.name}.{number}", shares=shares
        )
        part = Built(number, branch, result)
        await self._conclude(part)
        return part

    async def _go_on(self, part: Built, shares: Shares) -> Built:
        """With what is left when all others have ended, its agent goes on where it stopped."""
        run = self._run
        run.part(part.number, PartState.WORKING, "goes on with more of the budget", part.branch)
        part = replace(part, result=await run.go_on(part.branch, part.result, shares))
        await self._conclude(part)
        return part

    async def _conclude(self, part: Built) -> None:
        run, number, branch, result = self._run, part.number, part.branch, part.result
        if result.state is not AgentState.REPORTED:
            run.part(number, PartState.FAILED, result.words, branch)
            return
        if not branch.dirty:
            run.part(number, PartState.UNCHANGED)
            return
        report = BuildReport.model_validate(result.report)
        try:
            await branch.commit(report.subject, report.summary)
        except ActivityError as failure:
            if cancelled():
                raise
            run.part(number, PartState.FAILED, gateway.reason(failure), branch)
            return
        run.part(number, PartState.BUILT, "", branch)
