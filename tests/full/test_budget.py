"""Fifty agents at once on a tight budget, with faults and a worker that is killed three times: by
the service's own bill, which the engine never sees, the run stays within it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cadre.domain.usage import Usage
from cadre.llm.answer import read_usage
from cadre.llm.prices import PRICES
from tests.chaos.ledger import settle_bill
from tests.chaos.scenarios.spenders import TURNS, WORKERS
from tests.chaos.stage import SCENES, Stage
from tests.e2e.harness import until

TASKS = [w for n in range(1, WORKERS + 1) for w in ("--task", f"Spend on number {n}.")]


# After so many requests the worker is killed: while all begin, in full swing, and once more.
KILLS = (WORKERS // 2, WORKERS * 3 // 2, WORKERS * 5 // 2)


@pytest.mark.parametrize(
    ("option", "budget", "bound"),
    [("--max-cost", Decimal("3.75"), "cost"), ("--max-tokens", Decimal(2_200_000), "tokens")],
)
def test_the_bill_stays_within_the_budget(
    tmp_path: Path, option: str, budget: Decimal, bound: str
) -> None:
    """Settle what the spenders cost within this budget with the service's bill."""
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", SCENES / "spenders.py", "--latency", "0.1"):
        run = ["run", "fan-out", *TASKS, "--repo", stage.repo, "--id", "tight", "--detach"]
        # The later of two such options counts; the other bound is out of reach.
        bounds = ["--max-cost", "1000", option, str(budget)]
        begun = stage.home.run(*map(str, run), "--at-once", str(WORKERS), *bounds)
        assert begun.returncode == 0, begun.stderr
        for requests in KILLS:
            until(lambda n=requests: len(stage.journal()) >= n, f"{requests} requests")  # type: ignore[misc]
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
    assert f"its bound of {bound}" in ends, "the budget binds somebody"
    assert any(line["state"] == "reported" for line in result["agents"])
    assert max(call["turn"] for call in journal) > TURNS
    assert cost["lost_attempts"] >= 6, "the faults alone"


def billed(journal: Iterable[dict[str, Any]]) -> tuple[Decimal, int]:
    """What a service that bills each answer that began would charge: US dollars and tokens."""
    usd, tokens = Decimal(0), 0
    for call in journal:
        if call["paid"]:
            usage: Usage = read_usage(call["usage"])
            usd += PRICES[call["model"]].price.cost(usage)
            tokens += usage.total_tokens
    return usd, tokens
