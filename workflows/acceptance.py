"""A person's word on a result, and what follows from it.

show ─▶ person ─▶ approve ─▶ deliver
 ▲        │ ├── reject ─▶ rework, or the end
 └────────┴─┴── edit ─▶ their commits, looked at again
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import Field, field_validator
from temporalio.exceptions import ActivityError

from cadre.domain import acceptance
from cadre.domain.decisions import NOBODY, Choice, Decided, Question
from cadre.domain.deliveries import MAX_DELIVERIES, Target
from cadre.domain.outcomes import Ending, RunStatus
from cadre.domain.runs import RunInput
from cadre.domain.workspaces import Delivery
from workflows import gateway
from workflows.deliveries import Deliveries
from workflows.ends import Stop, cancelled
from workflows.run import Run

# How often a person is asked about one result in all; a bound, not a limit that anybody meets.
MAX_QUESTIONS = 100


class DeliveredInput(RunInput):
    """What a pattern takes whose result can be delivered after a person's approval."""

    deliver: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_DELIVERIES,
        description="After approval: merge:BRANCH, push:REMOTE[/BRANCH], pr or command:NAME. "
        "Give several.",
    )

    @field_validator("deliver")
    @classmethod
    def _names_targets(cls, deliver: tuple[str, ...]) -> tuple[str, ...]:
        for text in deliver:
            Target.of(text)
        return deliver

    @property
    def targets(self) -> tuple[Target, ...]:
        """Where an approved result goes, in this order."""
        return tuple(map(Target.of, self.deliver))


class Acceptance:
    """Puts the main branch before a person until they approve it, or it ends.

    `look` judges it again after a person's commits, which have that name; `rework` has their
    reasons worked off, at most `rejections` times. Each returns the new verdict.
    """

    def __init__(
        self,
        run: Run,
        deliveries: Deliveries,
        look: Callable[[str], Awaitable[Ending]],
        rework: Callable[[Decided], Awaitable[Ending]] | None = None,
        rejections: int = 0,
    ) -> None:
        self._run = run
        self._deliveries = deliveries
        self._look = look
        self._rework = rework
        self._rejections = rejections
        self._edits = 0
        self._remarks: list[str] = []

    async def conclude(self, verdict: Ending) -> Ending:
        """From the engine's verdict to the end of the run."""
        for number in range(1, MAX_QUESTIONS + 1):
            delivery = await self._shown()
            if delivery is None:
                return verdict  # nothing was changed, so there is nothing to approve
            decision = await self._asked(number, delivery, verdict)
            choice = decision.verdict
            if choice is Choice.APPROVE and not await self._void():
                said = f"{verdict.summary}\n\nApproved by {decision.by}. {decision.reason}".strip()
                choice = await self._deliveries.make(delivery.commit, said)
                if choice is not Choice.EDIT:
                    return self._ending(verdict, decision, choice)
            if choice is Choice.EDIT:
                verdict = await self._edited() or verdict
            elif choice is Choice.REJECT:
                verdict = await self._rejected(decision)
        raise Stop(RunStatus.REJECTED, f"it was asked about {MAX_QUESTIONS} times")

    async def _shown(self) -> Delivery | None:
        """The branch where a person can look at it; asks them where something is in its way."""
        for _ in range(MAX_QUESTIONS):
            try:
                return await self._run.main.deliver()
            except ActivityError as failure:
                if cancelled():
                    raise
                why = gateway.reason(failure)
            text = f"{why}\n\nPut that right and `approve` to go on, or `reject` to end the run."
            await self._run.go_ahead(Question(id="branch", kind="branch", text=text))
        raise Stop(RunStatus.FAILED, why)

    async def _asked(self, number: int, delivery: Delivery, verdict: Ending) -> Decided:
        run, books = self._run, self._run.ledger
        change = await run.main.describe(f"approval.{number}")
        text = acceptance.approval_text(
            run.spec.subject,
            delivery,
            verdict,
            check=books.check_after,
            spent=books.spent,
            targets=self._deliveries.targets,
            remarks=[*self._remarks, *self._deliveries.notes],
        )
        self._remarks.clear()
        return await run.decide(
            Question(
                id=f"result.{number}",
                kind="result",
                text=text,
                choices=tuple(Choice),
                subject_sha256=delivery.commit,
                subject_key=change.diff_key,
            )
        )

    async def _void(self) -> bool:
        """Whether the branch is not any more what was approved."""
        head = self._run.main.head
        try:
            moved = await self._run.main.tip() != head
            why = f"{self._run.main.target} moved after it was shown"
        except ActivityError as failure:
            if cancelled():
                raise
            moved, why = True, gateway.reason(failure)
        if moved:
            self._remarks.append(
                f"the approval is void: {why}. Answer `edit` to have your commits taken in, or put "
                f"the branch back to {head[:12]} and approve again"
            )
        return moved

    async def _edited(self) -> Ending | None:
        """The verdict on the result with a person's commits; None where there are none."""
        try:
            commits = await self._run.main.take()
        except ActivityError as failure:
            if cancelled():
                raise
            self._remarks.append(gateway.reason(failure))
            return None
        if not commits:
            self._remarks.append(f"no new commit was found on {self._run.main.target}")
            return None
        self._edits += 1
        self._remarks.append(
            f"with {commits} of your commits" if commits > 1 else "with your commit"
        )
        return await self._look(f"edit.{self._edits}")

    async def _rejected(self, decision: Decided) -> Ending:
        """The verdict on what became of it after a person's reasons; Stop where nothing shall."""
        told = decision.reason.strip() and decision.by != NOBODY
        if self._rework is None or self._rejections < 1 or not told:
            raise Stop(RunStatus.REJECTED, decision.words)
        self._rejections -= 1
        return await self._rework(decision)

    def _ending(self, verdict: Ending, decision: Decided, choice: Choice) -> Ending:
        said = f"{decision.words}; {verdict.summary}"
        told = {"status": RunStatus.APPROVED, "summary": said}
        if choice is Choice.REJECT:
            lines = self._run.ledger.deliveries.values()
            open_line = next(line for line in lines if not line.settled)
            why = f"{decision.words}; {open_line.target}: {open_line.why or open_line.state.value}"
            told = {"status": RunStatus.NOT_DELIVERED, "summary": why}
        return verdict.model_copy(update=told)
