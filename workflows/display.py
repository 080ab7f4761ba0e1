"""What people see of a run while it goes on: search attributes and the current details."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from cadre.domain.ledger import Ledger
from cadre.domain.outcomes import RunStatus
from cadre.domain.render import run_details

STATUS = SearchAttributeKey.for_keyword("CadreStatus")
COST = SearchAttributeKey.for_float("CadreCostUsd")


class Display:
    """Shows the books of a run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._status = RunStatus.PREPARING
        self._waiting = ""

    def enter(self, status: RunStatus) -> None:
        """Show a status in the search attributes, with what the run has cost by then."""
        self._status = status
        cost = float(round(self._ledger.spent.cost_usd, 4))
        workflow.upsert_search_attributes([STATUS.value_set(status.value), COST.value_set(cost)])
        self.show()

    def show(self) -> None:
        """Show who works and who has ended, and how the parts stand."""
        books = self._ledger
        table = run_details(
            self._status, books.lines, books.working, books.spent, books.parts.values()
        )
        workflow.set_current_details("\n\n".join(filter(None, (table, self._waiting))))

    def waits(self, text: str) -> None:
        """Show what people have to decide, besides all else; nothing where it is empty."""
        self._waiting = text
        self.show()

    @property
    def status(self) -> RunStatus:
        """How the run stands."""
        return self._status
