"""The parts of a fanned-out task: each an agent in a workspace of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.exceptions import ActivityError

from cadre.domain import briefs
from cadre.domain.ledger import Shares
from cadre.domain.reports import BuildReport, SplitPart
from cadre.domain.roles import WORKER
from cadre.domain.runs import AgentResult, AgentState, PartLine, PartState
from workflows import gateway
from workflows.branch import Branch
from workflows.run import Run, cancelled


@dataclass(frozen=True)
class Built:
    """A part that was done: its branch, and the agent that did it."""

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
        there is of it stays on its branch. A share of the budget is kept for the integration."""
        built = await self._run.each(list(self._parts), self._build, spare_shares=1)
        return [part for part in built if part is not None]

    async def _build(self, number: int, shares: Shares) -> Built | None:
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
        task = briefs.part_task(self._parts[number], self._whole, run.spec.check)
        result = await run.attempt(
            branch, WORKER, task, name=f"{WORKER.name}.{number}", shares=shares
        )
        if result.state is not AgentState.REPORTED:
            run.part(number, PartState.FAILED, f"{result.state.value}: {result.why}", branch)
            return None
        if not branch.dirty:
            run.part(number, PartState.UNCHANGED)
            return None
        report = BuildReport.model_validate(result.report)
        await branch.commit(report.subject, report.summary)
        run.part(number, PartState.BUILT, "", branch)
        return Built(number, branch, result)
