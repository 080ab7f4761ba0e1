"""Runs whose processes are killed or stopped at a chosen instant, and what becomes of them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from cadre.storage import keys
from tests.e2e.harness import Home, git, make_repo, pid_of, until

SCENES = Path(__file__).parent / "scenarios"
# A run that many processes died under, each of which is waited for.
END_SECONDS = 400.0
FILES = {"README.md": "# A repository\n", "count.txt": "count 0\n", "a/b.txt": "b\n"}


@dataclass(frozen=True)
class Outcome:
    """What a run delivered, as the ID of a git tree, and its agents' reports by their IDs."""

    tree: str
    reports: dict[str, Any]


class Stage:
    """A home with a repository, and the runs on it."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.repo = make_repo(root / "repo", FILES)

    def begin(self, run: str, *options: str, task: str = "Have effects") -> None:
        """Start a run and leave it alone. Its task ends in its name, for the ledger."""
        task = f"{task} in the run {run}."
        begun = self.home.run(
            "run", "pipeline", task, "--repo", self.repo, "--id", run, "--detach", *options
        )
        assert begun.returncode == 0, begun.stderr

    def end(self, run: str) -> Outcome:
        """Wait until the run is approved."""
        watched = self.home.run("watch", run, seconds=END_SECONDS)
        assert watched.returncode == 0, watched.stdout + watched.stderr
        said = self.store(run).glob("agents/*/report.json")
        return Outcome(
            tree=git(self.repo, "rev-parse", f"cadre/{run}^{{tree}}"),
            reports={path.parent.name: json.loads(path.read_text()) for path in said},
        )

    def undisturbed(self, *options: str) -> Outcome:
        """The outcome of the same run when nothing happens to it."""
        self.begin("calm", *options)
        return self.end("calm")

    def store(self, run: str) -> Path:
        """The run's directory in the object store."""
        return self.home.state / "store" / "runs" / run

    def kill(self, *names: str) -> None:
        """SIGKILL these services, at once, and wait until the supervisor has started others."""
        killed = {name: self.pid(name) for name in names}
        for pid in killed.values():
            os.kill(pid, signal.SIGKILL)
        self.replaced(killed)

    def replaced(self, before: dict[str, int]) -> None:
        """Wait until other processes serve in place of these."""
        for name, pid in before.items():
            until(lambda n=name, p=pid: self._found(n) not in (p, None), f"another {name}")  # type: ignore[misc]

    def pid(self, name: str) -> int:
        """The process ID of the server, the worker or the simulator."""
        found: int = until(lambda: self._found(name), f"a {name}")
        return found

    def calls(self, agent: str, turn: int) -> list[dict[str, Any]]:
        """The requests for an agent's turn, as the simulator counts them."""
        return [r for r in self.journal() if (r["agent_id"], r["turn"]) == (agent, turn)]

    def journal(self) -> list[dict[str, Any]]:
        """All requests that the simulator got since it was started."""
        with urlopen(f"{self.home.services()['simulator_url']}/simulator/requests") as answer:
            found: list[dict[str, Any]] = json.load(answer)["requests"]
        return found

    def lost(self, run: str) -> dict[str, int]:
        """The model calls of each agent that were paid for in vain, where there were any."""
        shown = json.loads(self.home.run("show", run, "--json").stdout)["result"]["agents"]
        lost = {agent["agent_id"]: agent["spent"]["lost_attempts"] for agent in shown}
        return {agent: attempts for agent, attempts in lost.items() if attempts}

    def retried(self, run: str, agent: str = "") -> list[str]:
        """The activities that needed more than one attempt, by the run's own record."""
        record = json.loads((self.home.state / "store" / keys.record(run, agent)).read_text())
        return [event["activity"] for event in record if event["kind"] == "retried"]

    def half_done(self, run: str) -> list[Path]:
        """Workspaces in which a command has begun and not ended."""
        try:
            found = list(self.home.state.glob(f"runs/{run}/main/tree.*/effects.txt"))
            return [path for path in found if 0 < path.read_text().count("\n") % 10 < 8]
        except FileNotFoundError:  # directories come and go while they are looked through
            return []

    @contextmanager
    def second_worker(self) -> Iterator[int]:
        """One more worker while the block runs; its process ID, which may be that of its parent."""
        worker = self.home.start(
            "worker",
            ANTHROPIC_BASE_URL=self.home.services()["simulator_url"],
            ANTHROPIC_API_KEY="simulated",
        )
        try:
            yield worker.pid
        finally:
            worker.send_signal(signal.SIGINT)
            worker.communicate(timeout=END_SECONDS)

    def _found(self, name: str) -> int | None:
        return pid_of(self.home.services(), name)


def processes(name: str) -> list[int]:
    """The IDs of this machine's processes that go by this name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            if path.read_bytes().startswith(f"{name}\0".encode()):
                found.append(int(path.parent.name))
    return found


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that stands still while the block runs, unless that kills it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def objects(repository: Path) -> Callable[[], int]:
    """Counts the loose objects that have come into a git directory since now."""
    before = _loose(repository)
    return lambda: _loose(repository) - before


def _loose(repository: Path) -> int:
    return sum(1 for _ in repository.glob("objects/??/*"))
