"""What people see of a run while it goes on: search attributes and the current details."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from cadre.domain.decisions import Question
from cadre.domain.ledger import Ledger
from cadre.domain.render import run_details
from cadre.domain.runs import RunStatus

STATUS = SearchAttributeKey.for_keyword("CadreStatus")
COST = SearchAttributeKey.for_float("CadreCostUsd")


class Display:
    """Shows the books of a run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._status = RunStatus.PREPARING

    def enter(self, status: RunStatus) -> None:
        """Show a status in the search attributes, with what the run has cost by then."""
        self._status = status
        cost = float(round(self._ledger.spent.cost_usd, 4))
        workflow.upsert_search_attributes([STATUS.value_set(status.value), COST.value_set(cost)])
        self.show()

    def show(self) -> None:
        """Show who works and who has ended, and how the parts stand."""
        books = self._ledger
        workflow.set_current_details(
            run_details(self._status, books.lines, books.working, books.spent, books.parts.values())
        )

    def ask(self, question: Question) -> None:
        """Show what a person has to decide."""
        workflow.set_current_details(f"### {self._status.value}\n\n{question.text}")
