"""What a run or an agent asks people, and how their decisions come in.

Whatever comes in, the workflow goes on: an update that does not fit is refused by its validator, a
signal is read raw and refused in the run's own words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

from cadre.domain.asking import Moment, Notice, course, escalated, opened
from cadre.domain.decisions import (
    NOBODY,
    SIGNAL,
    CheckDecision,
    Decided,
    Decision,
    Policy,
    Question,
    Refusal,
    read_signal,
    refusal,
)
from cadre.domain.errors import ErrorKind
from cadre.domain.waiting import AGENT_ASKS, REFUSED
from workflows import gateway
from workflows.ends import cancelled, unless_cancelled

# What people see of the questions that are open, and of what was refused.
Show = Callable[[Sequence[Question], Sequence[Refusal]], None]
# What a run hears from its agents; the answer is what is wrong with it, if anything is.
Hear = Callable[[Sequence[bytes]], str | None]
# More refusals than these are not remembered: anybody can send anything, any number of times.
MAX_REFUSALS = 20


class Decisions:
    """Questions that wait for an answer, at no cost, for any time. `show` is called whenever what
    people shall see of it changes, `hear` with what an agent says of its own questions."""

    def __init__(self, policy: Policy, show: Show, hear: Hear | None = None) -> None:
        self._policy = policy
        self._show = show
        self._hear = hear
        self._open: dict[str, Question] = {}
        self.made: dict[str, Decided] = {}
        self.refusals: list[Refusal] = []
        self._notices: set[asyncio.Task[None]] = set()
        workflow.set_update_handler(SIGNAL, self._decide, validator=self._check)
        workflow.set_dynamic_signal_handler(self._signalled)
        workflow.set_query_handler("questions", self._questions)

    async def ask(self, question: Question) -> Decided:
        """Wait until somebody has decided, or until that has lasted too long. A question that was
        asked before gets another ID: an old word must not count for it."""
        unless_cancelled()
        asked = opened(question, self._unused(question.id), self._policy, workflow.now())
        self._open[asked.id] = asked
        try:
            self._changed()
            self._tell(Moment.ASKED, asked.id)
            await self._decided(asked.id, workflow.now())
        finally:
            del self._open[asked.id]
            if workflow.in_workflow():  # not of a worker that stopped, when memory is cleared
                self._changed()
        return self.made[asked.id]

    async def answered(self) -> None:
        """Wait until whoever sent a decision knows what came of it, also where the workflow is
        asked to end meanwhile."""
        while not workflow.all_handlers_finished():
            try:
                await workflow.wait_condition(workflow.all_handlers_finished)
            except asyncio.CancelledError:
                if not cancelled():
                    raise  # evicted from the worker's cache

    def _unused(self, wanted: str) -> str:
        known = self._open.keys() | self.made.keys()
        names = (wanted, *(f"{wanted}.{n}" for n in range(2, len(known) + 2)))
        return next(name for name in names if name not in known)

    async def _decided(self, question_id: str, asked: datetime) -> None:
        for after, moment in course(self._policy):
            if await self._decided_until(question_id, asked + after):
                return
            question = self._open[question_id]
            if moment is Moment.EXPIRED:
                hours = f"{self._policy.expire_hours:g} hours"
                late = Decision(
                    id=question_id,
                    verdict=self._policy.on_expiry,
                    by=NOBODY,
                    reason=f"nobody decided within {hours}",
                )
                self._settle(question, late)
            elif moment is Moment.ESCALATED:
                self._open[question_id] = escalated(question, self._policy)
                self._changed()
            self._tell(moment, question_id)
        await workflow.wait_condition(lambda: question_id in self.made)

    async def _decided_until(self, question_id: str, until: datetime) -> bool:
        try:
            await workflow.wait_condition(
                lambda: question_id in self.made, timeout=until - workflow.now()
            )
        except TimeoutError:
            return question_id in self.made
        return True

    def _check(self, decision: Decision) -> None:
        if why := refusal(decision, self._open, self.made, self._policy):
            raise ValueError(why)

    async def _decide(self, decision: Decision) -> Decided:
        """Take a decision. Between its arrival and its check another one may have come."""
        question = self._open.get(decision.id)
        if question is not None and decision.id not in self.made:
            request = CheckDecision(
                workflow=workflow.info().workflow_id, question=question, decision=decision
            )
            checked = await gateway.check_decision(request)
            why = checked.problem or refusal(decision, self._open, self.made, self._policy)
            if not why:
                return self._settle(question, decision, signed=checked.signed)
        else:
            why = refusal(decision, self._open, self.made, self._policy)
        if why:
            raise ApplicationError(why, type=ErrorKind.WRONG_INPUT.value, non_retryable=True)
        return self.made[decision.id]

    def _settle(self, question: Question, decision: Decision, *, signed: bool = False) -> Decided:
        """Record a decision that counts; where it was recorded before, that."""
        decided = Decided(
            id=question.id,
            verdict=decision.verdict,
            by=decision.by,
            reason=decision.reason,
            subject_sha256=question.subject_sha256,
            kind=question.kind,
            at=workflow.now(),
            signed=signed,
        )
        return self.made.setdefault(question.id, decided)

    async def _signalled(self, name: str, values: Sequence[RawValue]) -> None:
        payloads = [value.payload.data for value in values]
        if name == AGENT_ASKS and self._hear is not None:
            if problem := self._hear(payloads):
                self._refuse(problem)
            return
        found = read_signal(name, payloads)
        if isinstance(found, str):
            self._refuse(found)
            return
        why = refusal(found, self._open, self.made, self._policy)
        if why is None:
            try:
                await self._decide(found)
            except ApplicationError as refused:
                why = refused.message
            except ActivityError as failure:
                why = gateway.reason(failure)
        if why:
            self._refuse(why)

    def _refuse(self, why: str) -> None:
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append(Refusal(at=workflow.now(), why=why))
            workflow.upsert_memo({REFUSED: why})
            self._changed()

    def _questions(self) -> list[Question]:
        return list(self._open.values())

    def _changed(self) -> None:
        self._show(self._questions(), self.refusals)

    def _tell(self, moment: Moment, question_id: str) -> None:
        """Tell people, beside the wait: a decision may come before they are told."""
        question = self._open[question_id]
        notice = Notice(
            id=f"{workflow.info().workflow_id}:{question_id}:{workflow.uuid4().hex[:12]}",
            moment=moment,
            workflow=workflow.info().workflow_id,
            question=question,
            to=self._policy.escalate_to if moment is Moment.ESCALATED else question.approvers,
            requested_by=self._policy.requested_by,
            at=workflow.now(),
            decided=self.made.get(question_id) if moment is Moment.EXPIRED else None,
        )
        task = asyncio.create_task(_notify(notice))
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)


async def _notify(notice: Notice) -> None:
    try:
        await gateway.notify(notice)
    except ActivityError as failure:  # who waits can still decide
        workflow.logger.warning("nobody was told: %s", gateway.reason(failure))
