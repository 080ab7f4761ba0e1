"""An agent that somebody terminates in Temporal is charged with what its calls may have used, and
those below it with theirs: enough for the bill of the service, and far less than its share."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.chaos.ledger import settle_bill
from tests.chaos.stage import SCENES, Stage
from tests.e2e.harness import make_repo, until
from tests.full.test_budget import billed
from tests.full.test_going_on import ASKER, FILES, LOANED

BUDGET = Decimal(4)


async def terminate(address: str, workflow_id: str) -> None:
    client = await Client.connect(address)
    await client.get_workflow_handle(workflow_id).terminate()


@pytest.mark.parametrize(
    ("agent", "status", "states"),
    [
        (LOANED, "approved", ["reported", "failed"]),
        (ASKER, "failed", ["failed", "cancelled"]),
    ],
)
def test_it_is_charged_with_what_it_used(
    tmp_path: Path, agent: str, status: str, states: list[str]
) -> None:
    stage = Stage(tmp_path)
    repo = make_repo(tmp_path / "led", FILES)
    with stage.home.up("--scenario", SCENES / "lender.py", "--latency", "0.5") as services:
        begun = stage.home.run(
            "run", "one-shot", "Have it read", "--repo", repo, "--agent", "lead", "--id", "lent",
            "--max-cost", str(BUDGET), "--detach",
        )  # fmt: skip
        assert begun.returncode == 0, begun.stderr
        until(lambda: stage.calls(LOANED, 4), "a fourth turn")
        asyncio.run(terminate(services["address"], f"lent/{agent}"))
        stage.home.run("watch", "lent")
        result = json.loads(stage.home.run("show", "lent", "--json").stdout)["result"]
        cost = json.loads(stage.home.run("cost", "lent", "--json").stdout)
        journal = stage.journal()
        settle_bill(stage, "lent")
    assert (result["status"], [line["state"] for line in result["agents"]]) == (status, states)
    [line] = [line for line in result["agents"] if line["agent_id"] == LOANED]
    assert line["turns"] >= 3
    assert line["spent"]["lost_attempts"] <= 1, "the call that it was in, if any"
    usd, tokens = billed(journal)
    assert usd <= Decimal(cost["cost_usd"]) < BUDGET / 4
    assert tokens <= cost["tokens"]
    asked = [call["turn"] for call in journal if call["agent_id"] == LOANED]
    assert max(asked) <= line["turns"] + 1
