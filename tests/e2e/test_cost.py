"""What runs cost: told while Temporal knows them and after, and kept down by a cheaper model."""

from __future__ import annotations

import json
import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from cadre.llm.answer import read_usage
from cadre.llm.prices import PRICES
from tests.e2e.harness import ROOT, SCENARIOS, Home, git, make_repo
from tests.e2e.scenarios.shapes import FILES

THRIFTY = (
    "---\nname: thrifty\ndescription: Reads.\ntools: Bash, Write\nmodel: sonnet\n"
    "fallbackModel: haiku\n---\n\nYou read.\n"
)


def test_the_documents_example(tmp_path: Path) -> None:
    """docs/cost.md: the commands as they stand there, and what they print."""
    text = (ROOT / "docs/cost.md").read_text()
    commands, shown = text.partition("```sh\n")[2].split("```", 1)
    run, cost = [shlex.split(line)[1:] for line in commands.replace("\\\n", " ").splitlines()]
    expected = shown.partition("```\n")[2].partition("```")[0].splitlines()
    repo = make_repo(tmp_path / "shapes", FILES)
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIOS / "shapes.py"):
        done = home.run(*[str(repo) if word == "~/shapes" else word for word in run])
        assert done.returncode == 0, done.stdout + done.stderr
        told = home.run(*cost).stdout
        exact = cost_of(home, "shapes")
        bill = billed(home)
    assert [line for line in expected if line not in told.splitlines()] == []
    assert Decimal(exact["cost_usd"]) == bill
    for group in ("by_agent", "by_phase", "by_model", "by_kind"):
        amounts = [Decimal(row["cost_usd"]) for row in exact[group].values()]
        assert sum(amounts) == bill, group
    assert sum(Decimal(call["cost_usd"]) for call in exact["calls"]) == bill
    for database in home.state.glob("temporal.db*"):
        database.unlink()
    with home.up("--simulate"):
        assert home.run(*cost).stdout == told, "from the record"
        rows = json.loads(home.run("cost", "--since", "1d", "--json").stdout)
        none = home.run("cost", "--since", "2999-01-01").stdout
    assert [(row["run"], Decimal(row["cost_usd"])) for row in rows["runs"]] == [("shapes", bill)]
    assert rows["by_pattern"] == {"fan-out": str(bill)}
    assert none.startswith("no runs since 2999")


def test_wrong_input_gets_one_line(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for arguments in (["cost", "--since", "soon"], ["cost", "a", "--since", "1d"], ["cost", "a"]):
        done = home.run(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_a_cheaper_model_ends_what_the_dearer_one_began(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {".claude/agents/thrifty.md": THRIFTY})
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIOS / "thrifty.py"):
        done = home.run(
            "run", "one-shot", "Read", "--repo", repo, "--agent", "thrifty", "--id", "thrifty",
            "--max-cost", "0.08", "--json",
        )  # fmt: skip
        cost = cost_of(home, "thrifty")
        bill = billed(home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(repo, "show", "cadre/thrifty:seen.txt") == "enough"
    models = [call["model"] for call in cost["calls"]]
    dearer, cheaper = models[0], models[-1]
    assert ("sonnet" in dearer, "haiku" in cheaper) == (True, True)
    switch = models.index(cheaper)
    assert models == [dearer] * switch + [cheaper] * (len(models) - switch)
    assert list(cost["by_model"]) == [dearer, cheaper]
    assert Decimal(cost["cost_usd"]) == bill <= Decimal("0.08")


def cost_of(home: Home, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(home.run("cost", run, "--json").stdout)
    return found


def billed(home: Home) -> Decimal:
    """What the service would charge for all that it was asked."""
    with urlopen(f"{home.services()['simulator_url']}/simulator/requests") as answer:
        calls = json.load(answer)["requests"]
    paid = [call for call in calls if call["paid"]]
    costs = [PRICES[call["model"]].price.cost(read_usage(call["usage"])) for call in paid]
    return sum(costs, Decimal(0))
