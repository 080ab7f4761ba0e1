"""SIGKILL to the worker while ten agents work, and again while their branches are merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.chaos.stage import Stage
from tests.e2e.harness import SCENARIOS, git, make_repo, until
from tests.e2e.scenarios.shapes import CHECK, FILES, TASKS
from tests.e2e.test_fan_out import settle

# Long enough for a kill to meet it.
SLOW_CHECK = f"sleep 0.5 && {CHECK}"
OPTIONS = [
    *(word for task in TASKS for word in ("--task", task)),
    *("--check", SLOW_CHECK),
]


def test_no_sibling_runs_again_and_no_branch_is_lost(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    repo = make_repo(tmp_path / "shapes", FILES)
    with stage.home.up("--scenario", SCENARIOS / "shapes.py", "--latency", "0.2"):
        begin(stage, repo, "killed")
        until(lambda: len(answered(stage)) >= 15, "work in full swing")
        done_before = answered(stage)
        stage.kill("worker")
        until(lambda: list(stage.store("killed").glob("output/merge.*.txt"))[2:], "merges")
        assert not list(stage.store("killed").glob("output/after.txt")), "not yet done"
        stage.kill("worker")
        result = end(stage, "killed")
        requests = [(r["agent_id"], r["turn"]) for r in stage.journal()]
        again = [call for call in done_before if requests.count(call) > 1]
        assert again == [], "an answer that was there is not asked for again"
        begin(stage, repo, "calm")
        calm = end(stage, "calm")
    for run, found in (("killed", result), ("calm", calm)):
        settle(repo, run, found)
    assert tree(repo, "cadre/killed") == tree(repo, "cadre/calm")
    assert tree(repo, "cadre/killed+8") == tree(repo, "cadre/calm+8")
    assert subjects(repo, "cadre/killed") == subjects(repo, "cadre/calm")
    told = [[(p["title"], p["state"]) for p in found["parts"]] for found in (result, calm)]
    assert told[0] == told[1]


def begin(stage: Stage, repo: Path, run: str) -> None:
    done = stage.home.run("run", "fan-out", *OPTIONS, "--repo", repo, "--id", run, "--detach")
    assert done.returncode == 0, done.stderr


def end(stage: Stage, run: str) -> dict[str, Any]:
    stage.home.run("watch", run)
    found: dict[str, Any] = json.loads(stage.home.run("show", run, "--json").stdout)["result"]
    return found


def answered(stage: Stage) -> list[tuple[str, int]]:
    """The turns whose answers have been used: the agent has gone on to the next one."""
    calls = {(r["agent_id"], r["turn"]) for r in stage.journal()}
    return [(agent, turn) for agent, turn in calls if (agent, turn + 1) in calls]


def tree(repo: Path, branch: str) -> str:
    return git(repo, "rev-parse", f"{branch}^{{tree}}")


def subjects(repo: Path, branch: str) -> list[str]:
    return sorted(git(repo, "log", "--format=%an %s", branch).splitlines())
