"""The integration of branches: merged one after another, each proved before the next.

merge ─▶ check ─▶ commit
  │        │
  └─ conflict, or the check that passed before fails ─▶ resolver ─▶ markers? check ─▶ commit
                                                                        └─▶ left out, on its branch
"""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.exceptions import ActivityError

from cadre.domain import briefs
from cadre.domain.decisions import Choice, Question
from cadre.domain.open_ends import part_text
from cadre.domain.outcomes import AgentState, PartState
from cadre.domain.roles import RESOLVER
from cadre.domain.turns import ContextItem
from workflows import gateway
from workflows.ends import cancelled, unless_cancelled
from workflows.parts import Built
from workflows.run import Run

# How often a person is asked about one part.
MAX_QUESTIONS = 20


class Integration:
    """Merges parts into the run's main branch; what does not fit stays on its own."""

    def __init__(self, run: Run) -> None:
        self._run = run
        before = run.ledger.check_before
        self._passes = before is None or before.passed
        self._reports: list[ContextItem] = []

    async def merge_all(self, parts: Sequence[Built]) -> None:
        """Merge them in an order that makes few conflicts; the ledger tells what became of each."""
        commits = [(str(part.number), part.branch.head) for part in parts]
        order = await self._run.main.merge_order(commits)
        by_number = {str(part.number): part for part in parts}
        for name in order:
            try:
                await self._merge(by_number[name])
            finally:
                self._run.main.back_to_head()  # nothing is kept of what did not fit
            unless_cancelled()

    async def _merge(self, part: Built) -> None:
        run = self._run
        title = run.ledger.parts[part.number].title
        try:
            met, problem = await self._put_in(part, title)
            if problem and run.spec.ask:
                met, problem = await self._settled_by_a_person(part, title, problem)
            if not problem:
                subject = f"Merge part {part.number}: {title}"
                body = briefs.summary_of(part.result)
                await run.main.commit_merge(part.branch.head, subject, body)
        except ActivityError as failure:
            if cancelled():
                raise
            met, problem = "", gateway.reason(failure)
        if problem:
            run.part(part.number, PartState.LEFT_OUT, problem, part.branch)
            return
        run.part(part.number, PartState.RESOLVED if met else PartState.INTEGRATED, met)
        run.aside.remove(part.branch)
        self._reports.append(briefs.report_of(part.result))

    async def _put_in(self, part: Built, title: str) -> tuple[str, str]:
        """What the part met on its way in, if anything, and what keeps it out, if anything."""
        run = self._run
        merged = await run.main.merge(part.branch.head, f"part {part.number}")
        if not merged.clean:
            met = f"{briefs.conflicts_line(merged)}"
            problem = briefs.merge_text(merged, part.branch.head)
        else:
            met, problem = "the check", await self._broken(f"merge.{part.number}")
            if not problem:
                return "", ""
        return met, await self._resolve(part, title, problem)

    async def _settled_by_a_person(self, part: Built, title: str, problem: str) -> tuple[str, str]:
        """How a person made the part fit, or what keeps it out since they did not."""
        run = self._run
        for _ in range(MAX_QUESTIONS):
            run.main.back_to_head()
            await run.main.deliver()
            await part.branch.deliver()
            text = part_text(part.number, title, problem, part.branch.target, run.main.target)
            decision = await run.decide(
                Question(
                    id=f"part.{part.number}",
                    kind="part",
                    text=text,
                    choices=(Choice.REJECT, Choice.EDIT),
                    subject_sha256=part.branch.head,
                )
            )
            if decision.verdict is not Choice.EDIT:
                break
            try:
                await part.branch.take()
                merged = await run.main.merge(part.branch.head, f"part {part.number}")
            except ActivityError as failure:
                if cancelled():
                    raise
                problem = gateway.reason(failure)
                continue
            if merged.clean:
                problem = await self._broken(f"settled.{part.number}")
                if not problem:
                    return f"settled by {decision.by}", ""
            else:
                problem = f"it is in conflict still: {briefs.conflicts_line(merged)}"
        return "", problem

    async def _resolve(self, part: Built, title: str, problem: str) -> str:
        """Have an agent put it right; what is still wrong after it."""
        run = self._run
        ours = await run.main.describe(f"merge.{part.number}.ours", committed=True)
        theirs = await part.branch.describe(f"merge.{part.number}.theirs")
        context = [
            briefs.diff_of(ours, "What is merged so far, as a diff"),
            *self._reports,
            briefs.diff_of(theirs, f"Part {part.number}, as a diff"),
            briefs.report_of(part.result),
        ]
        task = briefs.resolve_task(title, problem, run.spec.check)
        resolver = await run.attempt(run.main, RESOLVER, task, context)
        if resolver.state is not AgentState.REPORTED:
            return f"{resolver.agent_id} {resolver.words}"
        left = await run.main.markers()
        if left:
            return f"{resolver.agent_id} left conflict markers in {', '.join(left)}"
        return await self._broken(f"resolved.{part.number}")

    async def _broken(self, name: str) -> str:
        """What the check says against the files, where it passed before them."""
        check = await self._run.check(name)
        if check is None:
            return ""
        if self._passes and not check.passed:
            return (
                f"The check passed before this part and fails with it.\n{briefs.check_text(check)}"
            )
        self._passes = check.passed
        return ""
