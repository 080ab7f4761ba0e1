"""One-shot, scout and build, and stages with gates, on the demo's sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cadre.simulator.sample import SAMPLE_CHECK, SAMPLE_TASK, make_sample
from tests.e2e.harness import Home, git


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "bookings"
    make_sample(path)
    return path


def result(home: Home, repo: Path, pattern: str, *options: str) -> dict[str, Any]:
    """A run of the sample's task to its end."""
    done = home.run("run", pattern, SAMPLE_TASK, "--repo", repo, "--json", *options)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["result"]
    return found


def agents(found: dict[str, Any]) -> list[str]:
    return [line["agent_id"] for line in found["agents"]]


def test_one_shot_scout_and_build_and_stages(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    with home.up("--simulate"):
        alone = result(home, repo, "one-shot", "--check", SAMPLE_CHECK, "--id", "alone")
        built = result(home, repo, "scout-build", "--check", SAMPLE_CHECK, "--id", "built")
        staged = result(
            home, repo, "stages", "--stage", "scout", "--stage", "planner",
            "--stage", f"builder={SAMPLE_CHECK}", "--stage", "reviewer", "--id", "staged",
        )  # fmt: skip
        reviewed = result(
            home, repo, "stages", "--stage", "scout", "--stage", "builder=review", "--id", "seen"
        )
        closed = result(
            home, repo, "stages", "--stage", "scout", "--stage", "builder=false",
            "--stage", "planner", "--max-rounds", "2", "--id", "closed",
        )  # fmt: skip
        unknown = home.run(
            "run", "stages", SAMPLE_TASK, "--repo", repo, "--stage", "nobody=make test"
        )
    assert (alone["status"], agents(alone)) == ("approved", ["worker.1"])
    assert (built["status"], agents(built)) == ("approved", ["scout", "builder.1"])
    assert (staged["status"], agents(staged)) == (
        "approved", ["scout.1", "planner.1", "builder.1", "reviewer.1"]
    )  # fmt: skip
    assert (reviewed["status"], agents(reviewed)) == (
        "approved", ["scout.1", "builder.1", "reviewer.1"]
    )  # fmt: skip
    assert (closed["status"], agents(closed)) == (
        "not approved", ["scout.1", "builder.1", "builder.2"]
    )  # fmt: skip
    assert "`false` exits 1" in closed["findings"][0]["message"]
    for run in ("alone", "built", "staged", "seen", "closed"):
        assert git(repo, "diff", "--name-only", "main", f"cadre/{run}") == "bookings/interval.py"
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "unknown agent 'nobody'" in unknown.stderr
