"""What a run asks a person, and what they say."""

from __future__ import annotations

from temporalio import workflow

from cadre.domain.decisions import Decision, Question


class Decisions:
    """Questions that wait for an answer, by the update `decide`; at no cost, for any time."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._made: dict[str, Decision] = {}
        workflow.set_update_handler("decide", self._decide, validator=self._check)
        workflow.set_query_handler("questions", self._questions)

    async def ask(self, question: Question) -> Decision:
        """Wait until somebody has decided."""
        self._open[question.id] = question
        await workflow.wait_condition(lambda: question.id in self._made)
        del self._open[question.id]
        return self._made[question.id]

    def _decide(self, decision: Decision) -> None:
        self._made[decision.id] = decision

    def _check(self, decision: Decision) -> None:
        if decision.id in self._made:
            made = self._made[decision.id]
            raise ValueError(f"{decision.id} is decided already: {made.words}")
        if decision.id not in self._open:
            known = ", ".join(self._open) or "nothing"
            raise ValueError(f"{decision.id} is not asked: {known} waits for a decision")

    def _questions(self) -> list[Question]:
        return list(self._open.values())
