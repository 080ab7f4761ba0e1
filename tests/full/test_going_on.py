"""A sub-agent that runs out of its share goes on from its own conversation, through real processes
and a worker that is killed right then."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from tests.chaos.ledger import settle_bill
from tests.chaos.scenarios.lender import TURNS
from tests.chaos.stage import SCENES, Stage
from tests.e2e.harness import make_repo, until
from tests.full.test_budget import billed

LEAD = "---\nname: lead\ndescription: Leads.\ntools: Task\n---\n\nYou lead.\n"
READER = "---\nname: reader\ndescription: Reads.\ntools: Bash\nmodel: sonnet\n---\n\nYou read.\n"
FILES = {".claude/agents/lead.md": LEAD, ".claude/agents/reader.md": READER}
ASKER, LOANED = "worker.1", "worker.1/reader.1"
# Tokens: a lost attempt counts with its prompt and 32,000, and must leave some to go on with.
BUDGET = 560_000


def test_it_goes_on_where_it_stopped_and_a_kill_changes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    repo = make_repo(tmp_path / "led", FILES)
    with stage.home.up("--scenario", SCENES / "lender.py", "--latency", "0.3"):
        begun = stage.home.run(
            "run", "one-shot", "Have it read", "--repo", repo, "--agent", "lead", "--id", "lent",
            "--max-tokens", str(BUDGET), "--detach",
        )  # fmt: skip
        assert begun.returncode == 0, begun.stderr

        def goes_on() -> bool:
            asked = [n for n, call in enumerate(stage.journal()) if call["agent_id"] == ASKER]
            reads = [n for n, c in enumerate(stage.journal()) if c["agent_id"] == LOANED]
            return len(asked) > 1 and reads[-1] > asked[1]

        until(goes_on, "a reader that goes on")
        stage.kill("worker")
        stage.home.run("watch", "lent")
        journal = stage.journal()
        result = json.loads(stage.home.run("show", "lent", "--json").stdout)["result"]
        cost = json.loads(stage.home.run("cost", "lent", "--json").stdout)
        told = stage.home.run("logs", "lent", "--agent", LOANED).stdout
        settle_bill(stage, "lent")
    assert result["status"] == "approved", result
    asks = sum(call["agent_id"] == ASKER for call in journal) - 2
    assert asks > 0
    assert result["summary"] == f"read in {TURNS} turns, asked on {asks}"
    lines = {line["agent_id"]: line for line in result["agents"]}
    assert list(lines) == [ASKER, LOANED]
    assert lines[LOANED]["turns"] == TURNS + 1
    assert lines[LOANED]["state"] == "reported"
    assert told.count("met a bound") >= asks, "the record has all its ends"
    usd, tokens = billed(journal)
    assert usd <= Decimal(cost["cost_usd"])
    assert tokens <= cost["tokens"] <= BUDGET
    spent = sum(Decimal(line["spent"]["cost_usd"]) for line in result["agents"])
    assert Decimal(cost["cost_usd"]) == spent
