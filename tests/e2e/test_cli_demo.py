"""`./run demo`: the main job, from nothing to a branch whose check passes."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.harness import Home, git, until


def check_on(repo: Path, branch: str, into: Path) -> int:
    """The sample's check on a branch, by hand."""
    git(repo, "worktree", "add", "--detach", str(into), branch)
    command = ["python3", "-m", "unittest", "-q"]
    return subprocess.run(command, cwd=into, capture_output=True, check=False).returncode


def assert_good(home: Home, found: dict[str, Any], scratch: Path) -> None:
    repo = home.state / "samples" / found["run"]
    assert found["status"] == "approved"
    assert found["result"]["delivery"]["branch"] == f"cadre/{found['run']}"
    assert check_on(repo, "main", scratch / f"{found['run']}-base") != 0
    assert check_on(repo, f"cadre/{found['run']}", scratch / f"{found['run']}-result") == 0


def left(home: Home) -> list[str]:
    """Processes that still work on the state directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(home.state).encode() in path.read_bytes():
                found.append((path.parent / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def test_twice_in_a_row(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = home.run("demo")
    assert first.returncode == 0, first.stdout + first.stderr
    for part in ("verdict  approved", "branch   cadre/demo-", "diff     1 file, +1 −1"):
        assert part in first.stdout
    assert "check    before: fails with status 1" in first.stdout
    assert "check    after: passes" in first.stdout
    ui = home.environment["CADRE_UI_PORT"]
    assert f"http://127.0.0.1:{ui}/namespaces/default/workflows/demo-" in first.stdout
    assert left(home) == []

    second = home.run("demo", "--json")
    assert second.returncode == 0, second.stdout + second.stderr
    assert_good(home, json.loads(second.stdout), tmp_path)


def test_twice_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    both = [home.start("demo", "--json") for _ in range(2)]
    said = [process.communicate(timeout=180)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    found = [json.loads(text.splitlines()[-1]) for text in said]
    assert found[0]["run"] != found[1]["run"]
    for one in found:
        assert_good(home, one, tmp_path)
    assert left(home) == []


def test_services_that_are_kept_serve_a_second_demo(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = home.start("demo", "--keep")
    assert first.stdout is not None
    for line in first.stdout:
        if "stay up" in line:
            break
    server = home.services()["server_pid"]
    second = home.run("demo", "--json")
    assert second.returncode == 0, second.stderr
    assert home.services()["server_pid"] == server
    listed = json.loads(home.run("list", "--json").stdout)
    assert len(listed) == 2
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert first.returncode == 0
    until(lambda: left(home) == [], "the services' end")


def test_services_that_play_something_else_are_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    scenario = Path(__file__).parent / "scenarios" / "parts.py"
    with home.up("--scenario", scenario) as services:
        done = home.run("demo")
        crash = home.run("demo", "--crash")
        assert home.services()["worker_pids"] == services["worker_pids"]
    assert (done.returncode, done.stdout) == (2, "")
    assert "which does not know the demo" in done.stderr
    assert (crash.returncode, crash.stdout, crash.stderr.count("\n")) == (2, "", 1)
    assert "needs services of its own" in crash.stderr


def test_an_interrupted_demo_leaves_no_process(tmp_path: Path) -> None:
    home = Home(tmp_path)
    process = home.start("demo", "--latency", "5")
    assert process.stdout is not None
    for line in process.stdout:
        if "scouting" in line:
            break
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said
    until(lambda: left(home) == [], "the services' end")
