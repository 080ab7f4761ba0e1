"""An agent with the tool Task has others work for it, under the run's limits and rules."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from tests.e2e.harness import SCENARIOS, Home, git, make_repo

LEAD = "---\nname: lead\ndescription: Leads.\ntools: Read, Write, Task\n---\n\nYou lead.\n"
FILES = {".claude/agents/lead.md": LEAD, "src/a.txt": "a\n", "docs/b.txt": "b\n"}


def test_two_scouts_and_a_worker(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FILES)
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIOS / "lead.py"):
        done = home.run(
            "run", "one-shot", "Write what you see", "--repo", repo, "--agent", "lead", "--id",
            "led", "--deny", "Write(docs/**)", "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(done.stdout)["result"]
        told = home.run("logs", "led").stdout
        alone = home.run(
            "run", "one-shot", "Write what you see", "--repo", repo, "--agent", "lead",
            "--max-depth", "1", "--json",
        )  # fmt: skip
    agents = [line["agent_id"] for line in result["agents"]]
    assert agents[0] == "worker.1"
    assert sorted(agents[1:]) == ["worker.1/scout.1", "worker.1/scout.2", "worker.1/worker.1"]
    assert git(repo, "show", "cadre/led:src/seen.txt") == "a.txt and b.txt"
    assert git(repo, "ls-tree", "--name-only", "cadre/led", "docs/") == "docs/b.txt"
    assert result["summary"] == "src fine, docs error"
    assert "worker.1/scout.2" in told
    assert result["spent"]["cost_usd"] == str(
        sum(Decimal(line["spent"]["cost_usd"]) for line in result["agents"])
    )
    lonely = json.loads(alone.stdout)["result"]
    assert [line["agent_id"] for line in lonely["agents"]] == ["worker.1"]


def test_what_binds_the_run_binds_its_sub_agents(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FILES)
    home = Home(tmp_path)
    given = ("run", "one-shot", "Write what you see", "--repo", repo, "--agent", "lead", "--json")
    with home.up("--scenario", SCENARIOS / "lead.py"):
        denied = home.run(*given, "--deny", "Bash(ls:*)", "--deny", "Task(worker)", "--id", "no")
        planned = home.run(*given, "--permission-mode", "plan", "--id", "plan")
        told = home.run("logs", "no").stdout
    assert json.loads(denied.stdout)["result"]["summary"].startswith(
        "Denied: the run denies Task(worker)"
    )
    assert told.count("Denied: the run denies Bash(ls:*)") == 2
    result = json.loads(planned.stdout)["result"]
    assert "worker.1/worker.1" in [line["agent_id"] for line in result["agents"]]
    assert "Write, which is not offered" in result["summary"], "to a sub-agent"
    assert git(repo, "branch", "--list", "cadre/*") == ""
