"""Both bounds of a budget, with more kills: as tests/chaos/test_budget.py has it for one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.chaos.stage import Stage
from tests.chaos.test_budget import spend


@pytest.mark.parametrize(
    ("option", "budget"),
    [("--max-cost", Decimal("1.50")), ("--max-tokens", Decimal(900_000))],
    ids=["usd", "tokens"],
)
def test_the_bill_stays_within_either_bound(tmp_path: Path, option: str, budget: Decimal) -> None:
    spend(Stage(tmp_path), option, budget, kills=3)
