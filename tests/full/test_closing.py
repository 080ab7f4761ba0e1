"""From a task in parts to the branch main, as a person sees it: agents at once on one repository, a
conflict that the resolver settles, a killed worker, and a word in the Temporal UI's own form."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.e2e.harness import SCENARIOS, Home, git, make_repo, pid_of, until
from tests.e2e.scenarios.shapes import CHECK, CONFLICTS, FILES, TASKS
from tests.full.browser import browser, run_ids
from tests.full.test_budget import billed

BUDGET = Decimal("1.50")
CHOSEN = (TASKS[0], TASKS[2], *TASKS[-2:])
NEW = {"shapes/square.py", "shapes/plus.py", "shapes/names.py"}


def repository(path: Path) -> Path:
    """A repository with a checkout of a branch of its own, where something is at work."""
    repo = make_repo(path, FILES)
    git(repo, "switch", "-q", "-c", "mine")
    (repo / "notes.txt").write_text("not committed\n")
    return repo


def question(home: Home, run: str) -> dict[str, Any]:
    """What the run asks, once it does and a worker says so."""

    def asked() -> dict[str, Any] | None:
        listed = home.run("approvals", "--json")
        rows = json.loads(listed.stdout) if listed.returncode == 0 else []
        return next((row for row in rows if row["run"] == run and row["answered"]), None)

    found: dict[str, Any] = until(asked, f"{run} asks")
    return found


def kill_worker(home: Home) -> None:
    """SIGKILL to the worker; returns when another one is there."""
    before = pid_of(home.services(), "worker")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: pid_of(home.services(), "worker") not in (None, before), "another worker")


def approve_in_the_ui(services: dict[str, Any], run: str) -> dict[str, Any]:
    """A person finds the run in the list, opens its details, and sends the form; what it said."""
    ids = asyncio.run(run_ids(services["address"], run))
    with browser(services["ui_url"]) as ui:
        ui.runs()
        ui.sees("waiting for a decision")
        ui.workflow(run, ids[run], "user-metadata", closed=False)
        told = ui.given("4 of 4 parts are in") | {"by": "ann", "reason": "All shapes are there."}
        form = ui.form("Update")
        ui.fill(form, "Update", "decide", json.dumps(told))
        ui.submit(form)
    return told


def test_parts_to_main_with_a_conflict_a_kill_and_a_word_in_the_ui(tmp_path: Path) -> None:
    repo, published = repository(tmp_path / "shapes"), tmp_path / "published"
    main, before = git(repo, "rev-parse", "main"), git(repo, "status", "--porcelain")
    commands = {"publish": f'echo "$CADRE_COMMIT" >> {published}'}
    home = Home(tmp_path, CADRE_DELIVERY_COMMANDS=json.dumps(commands))
    tasks = [word for task in CHOSEN for word in ("--task", task)]
    with home.up("--scenario", SCENARIOS / "shapes.py") as services:
        begun = home.run(
            "run", "fan-out", *tasks, "--repo", repo, "--check", CHECK, "--id", "closing",
            "--deliver", "merge:main", "--deliver", "command:publish",
            "--max-cost", str(BUDGET), "--detach",
        )  # fmt: skip
        assert begun.returncode == 0, begun.stderr
        asked = question(home, "closing")
        kill_worker(home)
        assert question(home, "closing") == asked, "the wait goes on with another worker"
        assert git(repo, "rev-parse", "main") == main, "nothing is delivered before the word"
        told = approve_in_the_ui(services, "closing")
        watched = home.run("watch", "closing")
        assert watched.returncode == 0, watched.stdout + watched.stderr
        result = json.loads(home.run("show", "closing", "--json").stdout)["result"]
        with urlopen(f"{services['simulator_url']}/simulator/requests") as answer:
            bill, _ = billed(json.load(answer)["requests"])

    assert result["status"] == "approved"
    states = sorted(part["state"] for part in result["parts"])
    assert states == [*["integrated"] * 3, "integrated after a conflict"]
    agents = [line["agent_id"] for line in result["agents"]]
    assert sorted(agents) == ["resolver.1", *(f"worker.{n}" for n in range(1, 5))]

    assert 0 < bill <= Decimal(result["spent"]["cost_usd"]) <= BUDGET

    [decided] = result["decisions"]
    assert {name: decided[name] for name in told} == told
    assert (decided["id"], decided["subject_sha256"]) == (asked["id"], asked["subject_sha256"])

    assert [(d["target"], d["state"]) for d in result["deliveries"]] == [
        ("merge:main", "done"), ("command:publish", "done"),
    ]  # fmt: skip
    tip = git(repo, "rev-parse", "main")
    assert tip == git(repo, "rev-parse", "cadre/closing")
    assert published.read_text().split() == [tip], "once"
    assert_tree(repo, main)
    assert (git(repo, "status", "--porcelain"), git(repo, "branch", "--show-current")) == (
        before, "mine",
    )  # fmt: skip


def assert_tree(repo: Path, before: str) -> None:
    """Everything is in main, both sides of the conflict as well, and the check passes on it."""
    assert set(git(repo, "diff", "--name-only", before, "main").split()) == NEW
    assert len(git(repo, "log", "--merges", "--format=%h", f"{before}..main").split()) == 4
    names = git(repo, "show", "main:shapes/names.py")
    assert [names.count(f'"{name}": "the {name}"') for name in CONFLICTS] == [1, 1]
    copy = repo.parent / "copy"
    git(repo, "worktree", "add", "-q", str(copy), "main")
    subprocess.run(["sh", "-c", CHECK], cwd=copy, check=True, capture_output=True)
