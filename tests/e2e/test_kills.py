"""Workers that die, or stop and come back, inside a command that has half done its edits."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import SCENARIOS, Home, git, make_repo, until

SCENARIO = SCENARIOS / "parts.py"
CHECK = 'test "$(wc -l < parts.txt)" = 20'


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"README.md": "# A repository\n", "a/b.txt": "b\n"})


def half_done(home: Home) -> list[Path]:
    """Workspaces in which the command has begun and not ended."""
    found = home.state.glob("runs/*/**/parts.txt")
    return [p for p in found if 0 < p.read_text().count("\n") < 15]


def outcome(home: Home, repo: Path, run: str) -> tuple[str, dict[str, Any]]:
    """The tree that a run delivered, and what its agents reported."""
    shown = home.run("show", run, "--json")
    assert shown.returncode == 0, shown.stderr
    result = json.loads(shown.stdout)
    reports = home.state / "store" / "runs" / run / "agents"
    said = {p.parent.name: json.loads(p.read_text()) for p in reports.glob("*/report.json")}
    assert result["result"]["status"] == "approved", result
    return git(repo, "rev-parse", f"cadre/{run}^{{tree}}"), said


def undisturbed(home: Home, repo: Path) -> tuple[str, dict[str, Any]]:
    home.pipeline(repo, "Write the parts", "--check", CHECK, "--id", "calm")
    return outcome(home, repo, "calm")


def test_a_worker_killed_inside_a_command_leaves_no_trace(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIO):
        begun = home.run(
            "run", "pipeline", "Write the parts", "--repo", repo, "--check", CHECK,
            "--id", "killed", "--detach",
        )  # fmt: skip
        assert begun.returncode == 0, begun.stderr
        until(lambda: half_done(home), "the command's first part on disk")
        worker = home.services()["worker_pid"]
        os.kill(worker, signal.SIGKILL)
        until(lambda: home.services()["worker_pid"] not in (worker, None), "another worker")
        assert home.run("watch", "killed").returncode == 0
        assert outcome(home, repo, "killed") == undisturbed(home, repo)


def test_a_stopped_worker_that_comes_back_changes_nothing(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIO) as services:
        begun = home.run(
            "run", "pipeline", "Write the parts", "--repo", repo, "--check", CHECK,
            "--id", "stopped", "--detach",
        )  # fmt: skip
        assert begun.returncode == 0, begun.stderr
        first = until(lambda: half_done(home), "the command's first part on disk")
        os.kill(services["worker_pid"], signal.SIGSTOP)
        second = home.start(
            "worker",
            ANTHROPIC_BASE_URL=services["simulator_url"],
            ANTHROPIC_API_KEY="simulated",
        )
        try:
            # The successor works in a directory of its own; only then does the first one go on.
            until(
                lambda: [p for p in half_done(home) if p not in first], "the command's second start"
            )
            os.kill(services["worker_pid"], signal.SIGCONT)
            assert home.run("watch", "stopped").returncode == 0
            assert outcome(home, repo, "stopped") == undisturbed(home, repo)
        finally:
            second.send_signal(signal.SIGINT)
            second.communicate(timeout=60)
