"""Cadre as a user runs it: through ./run, as real processes, in a state directory of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pygit2
import pytest

from cadre.runtime.ports import free_port

ROOT = Path(__file__).parents[2]
SCENARIOS = Path(__file__).parent / "scenarios"
# Far more than anything takes, also where other tests have the processors.
PATIENCE_SECONDS = 180.0
FOREIGN = ("TEMPORAL_", "CADRE_", "XDG_", "ANTHROPIC_")


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until `condition` holds and return what it gave; fail with `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)
    return found


class Serving:
    """A process that serves until it gets a signal, and what it said when all was ready: its
    lines, by the name that each begins with."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: dict[str, str] = {}
        assert process.stdout is not None
        self._output = process.stdout
        # A log that nobody reads fills its pipe, and then whoever writes it stands still.
        self._draining = Thread(target=self._output.read, daemon=True)

    def begin(self) -> None:
        """Wait until it says that everything runs."""
        lines = []
        for line in self._output:
            lines.append(line)
            name, _, value = line.strip().partition("  ")
            self.said[name] = value.strip()
            if line.startswith("Ctrl-C"):
                self._draining.start()
                return
        pytest.fail("".join(lines))

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send it a signal unless it has ended, and wait for its end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE_SECONDS)
        if self._draining.is_alive():
            self._draining.join()
        self._output.close()
        return status


def pid_of(services: dict[str, Any], part: str) -> int | None:
    """The process ID of the server, the simulator, or the worker's first process; None where there
    is none now."""
    found: list[int | None] = (
        services["worker_pids"] if part == "worker" else [services[f"{part}_pid"]]
    )
    return found[0] if found else None


class Home:
    """A user's machine: an environment, a state directory, and what is started in it."""

    def __init__(self, root: Path, **variables: str) -> None:
        self.root = root
        self.state = root / "state"
        self.command: tuple[str | Path, ...] = (ROOT / "run",)
        mine = {n: v for n, v in os.environ.items() if not n.startswith(FOREIGN)}
        self.environment = mine | {
            "HOME": str(root),
            "CADRE_STATE_DIR": str(self.state),
            "CADRE_PORT": str(free_port()),
            "CADRE_UI_PORT": str(free_port()),
            "CADRE_PROCESSES": "1",  # starts quicker, and a test that kills knows whom
            "NO_COLOR": "1",
            **variables,
        }

    def run(
        self,
        *arguments: str | Path,
        seconds: float = PATIENCE_SECONDS,
        cwd: Path | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """`./run …` to its end, with these variables of the environment besides."""
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment | variables,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def start(self, *arguments: str | Path, **variables: str) -> subprocess.Popen[str]:
        """`./run …` in the background."""
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def serving(self, *arguments: str | Path, **variables: str) -> Iterator[Serving]:
        """`./run up …` or `./run server …` while the block runs, or until it is ended there."""
        serving = Serving(self.start(*arguments, **variables))
        try:
            serving.begin()
            yield serving
        finally:
            serving.end()

    @contextmanager
    def up(self, *arguments: str | Path, **variables: str) -> Iterator[dict[str, Any]]:
        """`./run up …` while the block runs; yields services.json's content."""
        with self.serving("up", *arguments, **variables):
            yield self.services()

    def services(self) -> dict[str, Any]:
        """What runs where."""
        found: dict[str, Any] = json.loads((self.state / "services.json").read_text())
        return found

    def pipeline(self, repo: Path, task: str, *options: str) -> dict[str, Any]:
        """`./run run pipeline` to its result."""
        done = self.run("run", "pipeline", task, "--repo", repo, "--json", *options)
        assert done.returncode in (0, 1), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def git(repo: Path, *arguments: str) -> str:
    """The git command as a witness that is independent of what is tested."""
    return subprocess.run(
        ["git", "-C", repo, *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def make_repo(path: Path, files: dict[str, str]) -> Path:
    """A repository with one commit that holds `files`."""
    repository = pygit2.init_repository(path, initial_head="main")
    for name, text in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    repository.index.add_all()
    repository.index.write()
    who = pygit2.Signature("Tester", "tester@example.invalid", 1_700_000_000, 0)
    tree = repository.index.write_tree()
    repository.create_commit("HEAD", who, who, "First", tree, [])
    return path


@contextmanager
def simulator(directory: Path, key: str, scenario: Path | None = None) -> Iterator[str]:
    """The Messages API as a service of somebody else's that accepts this key alone; its URL."""
    port_file = directory / "simulator.port"
    command = [
        sys.executable, "-m", "cadre.simulator", "--port", "0", "--port-file", port_file,
        "--key-env", "EXPECTED_KEY", *(("--scenario", scenario) if scenario else ()),
    ]  # fmt: skip
    environment = os.environ | {"EXPECTED_KEY": key}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            port = until(lambda: port_file.exists() and port_file.read_text().strip(), "its port")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
