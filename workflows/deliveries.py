"""Brings an approved commit where it shall go: in order, each delivery at most once.

merge ─▶ check ─▶ move the branch        a branch of the user's
begin ─▶ push, or a command ─▶ end       a remote, or whatever the operator's command does
  └── lost in between: the remote says whether it took effect, else a person does
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from temporalio.exceptions import ActivityError

from cadre.domain import acceptance
from cadre.domain.decisions import NOBODY, Choice, Question
from cadre.domain.deliveries import (
    DeliveryKind,
    DeliveryLine,
    DeliveryState,
    MakeDelivery,
    PlanDeliveries,
    Target,
)
from cadre.domain.outcomes import RunStatus
from workflows import files, gateway
from workflows.ends import Stop, cancelled
from workflows.merging import Merging
from workflows.run import Run

# How often one delivery may be tried: a worker may be lost before it began.
MAX_TRIES = 20


class Deliveries:
    """The deliveries of a run; the ledger has a line for each."""

    def __init__(self, run: Run, targets: Sequence[Target]) -> None:
        self._run = run
        self.targets = tuple(targets)
        self.notes: tuple[str, ...] = ()
        self._tries: Counter[int] = Counter()

    async def plan(self) -> None:
        """Stop before anything is spent where a delivery cannot work."""
        if not self.targets:
            return
        plan = await files.plan_deliveries(
            PlanDeliveries(repo=self._run.spec.repo, targets=self.targets)
        )
        self.notes = plan.notes
        self._run.ledger.notes += plan.notes
        if plan.refused:
            raise Stop(RunStatus.FAILED, "; ".join(plan.refused))

    async def make(self, commit: str, body: str) -> Choice:
        """Deliver, in order, what is not delivered yet. APPROVE: all is done; REJECT: a person gave
        it up; EDIT: they changed the branch instead."""
        lines = self._run.ledger.deliveries
        for number, target in enumerate(self.targets, 1):
            lines[number] = DeliveryLine(target=str(target), commit=commit)
        for number, target in enumerate(self.targets, 1):
            self._run.phase(RunStatus.DELIVERING)
            said = await self._settled(number, target, commit, body)
            if said is not Choice.APPROVE:
                return said
        return Choice.APPROVE

    async def _settled(self, number: int, target: Target, commit: str, body: str) -> Choice:
        """One delivery, until it is done or given up; a person is asked before each further try."""
        run = self._run
        for _ in range(MAX_TRIES):
            line = await self._tried(number, target, commit, body)
            run.ledger.deliveries[number] = line
            if line.state is DeliveryState.NOT_TRIED or line.absent:
                continue  # whoever was to do it was lost, and doing it cannot do it twice
            if line.state is DeliveryState.UNKNOWN and await self._took_effect(number, line):
                taken = {"state": DeliveryState.TAKEN_AS_DONE}
                line = run.ledger.deliveries[number] = line.model_copy(update=taken)
            if line.settled:
                return Choice.APPROVE
            said = await self._again(number, line)
            if said is not Choice.APPROVE:
                return said
        return Choice.REJECT

    async def _took_effect(self, number: int, line: DeliveryLine) -> bool:
        text = acceptance.unknown_text(line)
        return await self._asked(f"delivery.{number}.done", text, line) is Choice.APPROVE

    async def _again(self, number: int, line: DeliveryLine) -> Choice:
        text = acceptance.again_text(line, self._run.main.target)
        return await self._asked(f"delivery.{number}.again", text, line, tuple(Choice))

    async def _asked(
        self,
        name: str,
        text: str,
        line: DeliveryLine,
        choices: tuple[Choice, ...] = (Choice.APPROVE, Choice.REJECT),
    ) -> Choice:
        """What a person says; a question that nobody answers in time does nothing once more."""
        decision = await self._run.decide(
            Question(
                id=name, kind="delivery", text=text, choices=choices, subject_sha256=line.commit
            )
        )
        return Choice.REJECT if decision.by == NOBODY else decision.verdict

    async def _tried(self, number: int, target: Target, commit: str, body: str) -> DeliveryLine:
        if target.kind is not DeliveryKind.MERGE:
            return await self._made(number, target, commit, body)
        self._tries[number] += 1
        line = DeliveryLine(target=str(target), commit=commit, state=DeliveryState.FAILED)
        name = f"delivery.{number}.{self._tries[number]}"
        merging = Merging(self._run, target, commit, name)
        try:
            merged, why = await merging.merged()
        except ActivityError as failure:
            if cancelled():
                if tip := await merging.found():
                    done = {"state": DeliveryState.DONE, "commit": tip}
                    self._run.ledger.deliveries[number] = line.model_copy(update=done)
                raise
            return line.model_copy(update={"why": gateway.reason(failure)})
        if why:
            return line.model_copy(update={"why": why})
        return line.model_copy(update={"state": DeliveryState.DONE, "commit": merged})

    async def _made(self, number: int, target: Target, commit: str, body: str) -> DeliveryLine:
        """A push or a command. Its line says `unknown` until something better is known."""
        run, spec = self._run, self._run.spec
        self._tries[number] += 1
        request = MakeDelivery(
            run=spec.run,
            number=number,
            attempt=self._tries[number],
            target=target,
            repo=spec.repo,
            branch=run.main.target,
            base=run.main.workspace.base,
            commit=commit,
            title=acceptance.title_of(spec.subject),
            body=body,
        )
        run.ledger.deliveries[number] = DeliveryLine(
            target=str(target),
            commit=commit,
            state=DeliveryState.UNKNOWN,
            why="it was begun, and how it ended was not found out",
        )
        try:
            return await files.make_delivery(request)
        except ActivityError:
            line = await files.settle_delivery(request)
            if cancelled():
                run.ledger.deliveries[number] = line
                raise
            return line
