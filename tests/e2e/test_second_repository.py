"""Another repository: shell, several modules, a setup command, a check that is no Python test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.harness import SCENARIOS, Home, git, make_repo

FILES = {
    ".gitignore": "build/\n",
    "lib/csv.sh": '# Fields of a CSV line.\nfield() {\n    echo "$1" | cut -d";" -f"$2"\n}\n',
    "lib/text.sh": "# Text.\nupper() { echo \"$1\" | tr '[:lower:]' '[:upper:]'; }\n",
    "bin/column": '#!/bin/sh\n. "$(dirname "$0")/../lib/csv.sh"\nfield "$1" "$2"\n',
    "test/run.sh": (
        "set -e\n. lib/csv.sh\n. lib/text.sh\n"
        'test "$(field a,b,c 2)" = b\ntest "$(upper ab)" = AB\n'
        'test "$(cat build/stamp)" = prepared\necho ok\n'
    ),
    "setup.sh": "mkdir -p build && echo prepared > build/stamp\n",
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "shell library", FILES)


def test_the_pipeline_mends_it(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    (repo / "notes.txt").write_text("untracked\n")
    before = git(repo, "status", "--porcelain")
    with home.up("--scenario", SCENARIOS / "shell_library.py"):
        shown = home.pipeline(
            repo, "Split at commas", "--setup", "sh setup.sh", "--check", "sh test/run.sh",
            "--scouts", "2", "--id", "csv",
        )  # fmt: skip
        assert shown["status"] == "approved", json.dumps(shown, indent=1)
    assert {line["agent"] for line in shown["agents"]} == {
        "scout.1",
        "scout.2",
        "planner",
        "builder.1",
        "reviewer.1",
    }
    result = shown["result"]
    assert result["check_before"]["as_is"]["exit_code"] != 0
    assert result["check_after"]["as_is"]["exit_code"] == 0
    assert any("notes.txt" in note for note in result["notes"])
    diff = git(repo, "diff", "main", "cadre/csv")
    assert '+    echo "$1" | cut -d, -f"$2"' in diff
    assert git(repo, "diff", "--name-only", "main", "cadre/csv") == "lib/csv.sh"
    log = git(repo, "log", "-1", "--format=%an%n%s%n%b", "cadre/csv")
    assert log.startswith("builder.1\nSplit CSV fields at commas\n")
    assert "Cadre-Run: csv" in log
    # The user's own checkout is as it was.
    assert git(repo, "status", "--porcelain") == before
    assert git(repo, "symbolic-ref", "HEAD") == "refs/heads/main"
