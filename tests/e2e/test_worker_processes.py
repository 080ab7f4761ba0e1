"""One worker of several processes, one of which is killed while all are at work."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.e2e.harness import SCENARIOS, Home, git, make_repo, until

# The server gives workflows to the processes in turn. Two scouts make them five a run, so that
# both processes have a builder after two runs or, where something comes between, a few more.
SCOUTS = ("--scouts", "2")
MOST_RUNS = 6


def commands(engines: list[int]) -> dict[int, set[int]]:
    """The sandboxes that each of these processes runs, by their process IDs."""
    found: dict[int, set[int]] = {engine: set() for engine in engines}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            name = path.read_bytes().partition(b"\0")[0].decode(errors="replace").split()
            if name[:1] == ["cadre-sandbox"] and int(name[1]) in found:
                found[int(name[1])].add(int(path.parent.name))
    return found


def begun(home: Home, run: str) -> list[Path]:
    """The directories of the run in which its command has begun."""
    return [path.parent for path in home.state.glob(f"runs/{run}/main/tree.*/said.txt")]


def let_go(home: Home, runs: list[str]) -> bool:
    """Let the commands of all runs end; whether all runs have ended."""
    for run in runs:
        for directory in begun(home, run):
            with suppress(FileNotFoundError):  # thrown away meanwhile
                (directory / "go").touch()
    listed = {run["run"]: run["status"] for run in json.loads(home.run("list", "--json").stdout)}
    return all(listed[run] == "approved" for run in runs)


def retried(home: Home, run: str) -> list[str]:
    """The builder's activities that took more than one attempt."""
    file = home.state / "store/runs" / run / "record/agents/builder.1.json"
    return [event["activity"] for event in json.loads(file.read_text()) if is_retry(event)]


def is_retry(event: dict[str, object]) -> bool:
    return event["kind"] == "retried"


def test_siblings_of_a_killed_process_work_on(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {"README.md": "# A repository\n"})
    home = Home(tmp_path, CADRE_PROCESSES="2")
    runs: list[str] = []
    with home.up("--scenario", SCENARIOS / "waiting.py") as services:
        engines = services["worker_pids"]
        assert len(engines) == 2
        while not all(commands(engines).values()):
            assert len(runs) < MOST_RUNS, "all commands run in one process"
            run = f"run-{len(runs)}"
            task = ("run", "pipeline", "Wait", "--repo", repo, "--id", run, "--detach")
            done = home.run(*task, *SCOUTS)
            assert done.returncode == 0, done.stderr
            runs.append(run)
            until(lambda run=run: begun(home, run), "its command")  # type: ignore[misc]

        killed, sibling = engines
        kept = commands(engines)[sibling]
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(set(home.services()["worker_pids"]) - {killed}) == 2, "another process")
        assert sibling in home.services()["worker_pids"]
        until(lambda: not commands([killed])[killed], "the end of the killed one's commands")
        assert commands([sibling])[sibling] >= kept, "the sibling's commands run on"

        until(lambda: let_go(home, runs), "the end of all runs", 180)
        again = [run for run in runs if retried(home, run)]
    assert 0 < len(again) < len(runs)
    assert {tuple(retried(home, run)) for run in again} == {("tool.run",)}
    for run in runs:  # where it began twice, the first time left no trace
        assert git(repo, "show", f"cadre/{run}:said.txt") == "begun\nended"
