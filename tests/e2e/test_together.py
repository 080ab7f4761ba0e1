"""Runs beside each other, and a Temporal service that is not Cadre's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.harness import SCENARIOS, Home, git, make_repo


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"README.md": "# A repository\n"})


def test_several_runs_on_one_repository(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    runs = ["one", "two", "three"]
    with home.up("--scenario", SCENARIOS / "parts.py"):
        started = [
            home.start("run", "pipeline", "Write the parts", "--repo", repo, "--id", run)
            for run in runs
        ]
        outputs = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], outputs
    branches = git(repo, "branch", "--format=%(refname:short)").split()
    assert set(branches) == {"main", *(f"cadre/{run}" for run in runs)}
    trees = {git(repo, "rev-parse", f"cadre/{run}^{{tree}}") for run in runs}
    assert len(trees) == 1
    assert git(repo, "status", "--porcelain") == ""
    assert git(repo, "fsck", "--strict") == ""


def test_a_temporal_service_of_the_users_own(tmp_path: Path, repo: Path) -> None:
    theirs = Home(tmp_path / "theirs")
    theirs.root.mkdir()
    server = theirs.start("server")
    try:
        assert server.stdout is not None
        address = next(line.split()[1] for line in server.stdout if line.startswith("Temporal"))
        ours = Home(tmp_path / "ours", TEMPORAL_ADDRESS=address)
        ours.root.mkdir()
        with ours.up("--scenario", SCENARIOS / "parts.py") as services:
            assert services["server_pid"] is None
            shown = ours.pipeline(repo, "Write the parts", "--id", "away")
            assert shown["status"] == "approved"
            listed = json.loads(ours.run("list", "--json").stdout)
            assert [run["run"] for run in listed] == ["away"]
        assert not (ours.state / "temporal.db").exists()
        assert git(repo, "rev-parse", "--verify", "cadre/away")
    finally:
        server.terminate()
        server.communicate(timeout=60)


def test_the_same_id_twice_is_one_run(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    command = ("run", "pipeline", "Write the parts", "--repo", repo, "--id", "once", "--json")
    with home.up("--scenario", SCENARIOS / "parts.py"):
        first, second = home.start(*command), home.start(*command)
        assert [p.wait(timeout=120) for p in (first, second)] == [0, 0]
        for process in (first, second):
            assert process.stdout is not None
            process.stdout.close()
        listed = json.loads(home.run("list", "--json").stdout)
        assert [run["run"] for run in listed] == ["once"]
        again = home.run(*command)
        assert json.loads(again.stdout)["status"] == "approved", "a closed one is shown"
        other = home.run("run", "pipeline", "Something else", "--repo", repo, "--id", "once")
        assert other.returncode == 2
        assert other.stderr.count("\n") == 1, other.stderr
