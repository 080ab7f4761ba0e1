"""The provider's key, and a secret of the user's, are nowhere but where they belong."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.harness import SCENARIOS, Home, make_repo, simulator

KEY = "sk-ant-canary-7f3a9c51d2"
SECRET = "hunter-canary-51b8e0aa"


def holding(needles: list[str], root: Path) -> list[str]:
    """The files under `root` whose bytes hold one of the needles."""
    found = []
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            found += [f"{path}: {needle}" for needle in needles if needle.encode() in data]
    return found


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode()


def test_canaries_are_found_nowhere(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {"README.md": "# Nothing\n"})
    home = Home(tmp_path / "home", MY_DATABASE_PASSWORD=SECRET)
    home.root.mkdir()
    with (
        simulator(tmp_path, KEY, SCENARIOS / "nosy.py") as url,
        home.up(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=url) as services,
    ):
        assert "ANTHROPIC_API_KEY" in services["models"]
        assert KEY not in json.dumps(services)
        result = home.pipeline(repo, "Look around", "--id", "nosy")
        assert result["status"] == "approved", result
        # The worker alone has the key, or nothing here would have been answered.
        assert KEY in environment_of(services["worker_pid"])
        assert KEY not in environment_of(services["server_pid"])
        logs = home.run("logs", "nosy", "--json").stdout
        shown = home.run("show", "nosy").stdout
        assert "looked.txt" in logs or "Bash" in logs
        # Histories, database, write-ahead log, transcripts, records, logs, while all is open.
        assert holding([KEY, SECRET], home.state) == []
    said = json.dumps(result) + logs + shown
    assert KEY not in said
    assert SECRET not in said
    assert holding([KEY, SECRET], home.state) == []
    assert holding([KEY, SECRET], repo) == []
    # The search can fail: what the agents did see is found.
    assert holding(["PATH="], home.state)
