"""Twenty agents on a tight budget, with faults and a killed worker: by the service's own bill,
which the engine never sees, the run stays within it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadre.domain.usage import Usage
from cadre.llm.answer import read_usage
from cadre.llm.prices import PRICES
from tests.chaos.ledger import settle_bill
from tests.chaos.scenarios.spenders import TURNS, WORKERS
from tests.chaos.stage import Stage
from tests.e2e.harness import until

SCENARIO = Path(__file__).parent / "scenarios" / "spenders.py"
TASKS = [w for n in range(1, WORKERS + 1) for w in ("--task", f"Spend on number {n}.")]


def test_the_bill_stays_within_the_budget(tmp_path: Path) -> None:
    spend(Stage(tmp_path), "--max-cost", Decimal("1.50"), kills=1)


def spend(stage: Stage, option: str, budget: Decimal, *, kills: int) -> None:
    """Run the spenders within this budget, and settle what they cost with the service's bill."""
    with stage.home.up("--scenario", SCENARIO, "--latency", "0.1"):
        run = ["run", "fan-out", *TASKS, "--repo", stage.repo, "--id", "tight", "--detach"]
        begun = stage.home.run(*map(str, run), option, str(budget))
        assert begun.returncode == 0, begun.stderr
        for kill in range(1, kills + 1):
            until(lambda n=2 * kill * WORKERS: len(stage.journal()) >= n, "work in full swing")  # type: ignore[misc]
            stage.kill("worker")
        stage.home.run("watch", "tight")
        journal = stage.journal()
        result = json.loads(stage.home.run("show", "tight", "--json").stdout)["result"]
        cost = json.loads(stage.home.run("cost", "tight", "--json").stdout)
        settle_bill(stage, "tight")
    usd, tokens = billed(journal)
    books = Decimal(cost["cost_usd"]), int(cost["tokens"])
    assert usd <= books[0]
    assert tokens <= books[1]
    assert books[option == "--max-tokens"] <= budget
    assert books[0] == Decimal(result["spent"]["cost_usd"])
    ends = [line["why"] for line in result["agents"]]
    assert any("bound" in why for why in ends), f"the budget is no bound for anybody: {ends}"
    assert any(line["state"] == "reported" for line in result["agents"])
    assert max(call["turn"] for call in journal) > TURNS
    assert cost["lost_attempts"] >= 6


def billed(journal: Iterable[dict[str, Any]]) -> tuple[Decimal, int]:
    """What a service that bills each answer that began would charge: US dollars and tokens."""
    usd, tokens = Decimal(0), 0
    for call in journal:
        if call["paid"]:
            usage: Usage = read_usage(call["usage"])
            usd += PRICES[call["model"]].price.cost(usage)
            tokens += usage.total_tokens
    return usd, tokens
