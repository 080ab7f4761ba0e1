"""What watching costs a run: the same run of 20 agents alone, and with ten watchers.

`python -m benchmarks.watchers [--agents 20] [--watchers 10] [--latency 3] [--turns 8]
[--rounds 5] [--quick]`: one server, one simulated model, one worker. Each watcher is a process
`cadre watch` on a terminal of its own, with the live picture. The run begins when all of them show
it, so what their own start costs is not in it. Rounds alternate between the two, and so does which
one goes first.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pty
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from benchmarks import subject
from benchmarks.fan_out import make_repository
from benchmarks.measure import cpu_seconds, p50
from benchmarks.rig import Kind, Rig, rig
from benchmarks.scenario import task
from cadre.runtime.processes import leave, plain_environment, python_path
from cadre.runtime.processors import usable_processors
from starters.find import PATTERN
from workflows.fan_out import FanOutInput

# In this time all watchers must have started; the run's first step waits for it.
START_SECONDS = 45.0
KIND = Kind("whole", usable_processors(), {"max_model_calls": 64})


@dataclass(frozen=True)
class Measured:
    """A run's duration by the server's clock, and the CPU time that was used meanwhile, in s."""

    seconds: float
    worker: float
    server: float
    watchers: float


class Watcher:
    """`cadre watch RUN` on a terminal of its own."""

    def __init__(self, run: str, environment: dict[str, str]) -> None:
        self._master, terminal = pty.openpty()
        command = [sys.executable, "-m", "starters.cli", "watch", run]
        self.process = subprocess.Popen(
            command, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
        )
        os.close(terminal)
        self.drawn = 0
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            self.drawn += len(os.read(self._master, 65536))
        except OSError:  # its process has ended
            asyncio.get_running_loop().remove_reader(self._master)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)


@contextmanager
def watching(run: str, environment: dict[str, str], count: int) -> Iterator[list[Watcher]]:
    """So many watchers for the time of the block."""
    watchers = [Watcher(run, environment) for _ in range(count)]
    try:
        yield watchers
    finally:
        for watcher in watchers:
            watcher.close()


async def measure(
    running: Rig, given: FanOutInput, environment: dict[str, str], watchers: int
) -> Measured:
    """One run, watched by so many."""
    handle = await running.client.start_workflow(
        "fan-out",
        given,
        id=given.run,
        task_queue=KIND.name,
        start_delay=timedelta(seconds=START_SECONDS if watchers else 5.0),
        search_attributes=TypedSearchAttributes([SearchAttributePair(PATTERN, "fan-out")]),
    )
    with watching(given.run, environment, watchers) as there:
        begun = time.monotonic()
        while not all(watcher.drawn for watcher in there):
            if time.monotonic() - begun > START_SECONDS - 2:
                raise RuntimeError("the watchers do not start in time")
            await asyncio.sleep(0.1)
        described = await handle.describe()
        begins = described.execution_time or described.start_time
        await asyncio.sleep(max(0.0, begins.timestamp() - time.time()))
        before = _cpu(running, there)
        await handle.result()
        used = [after - first for after, first in zip(_cpu(running, there), before, strict=True)]
    closed = (await handle.describe()).close_time
    assert closed is not None
    return Measured((closed - begins).total_seconds(), *used)


def _cpu(running: Rig, watchers: Sequence[Watcher]) -> tuple[float, float, float]:
    worker = sum(cpu_seconds(pid) for pid in running.workers[KIND.name])
    seen = sum(cpu_seconds(w.process.pid) for w in watchers if w.process.poll() is None)
    return worker, cpu_seconds(running.server), seen


def _input(options: argparse.Namespace, repository: Path, commit: str) -> FanOutInput:
    tasks = [
        task(subject.SMALL, options.turns - 2, written=f"part-{n}.txt", latency=options.latency)
        for n in range(1, options.agents + 1)
    ]
    return FanOutInput(
        run=f"watched-{uuid.uuid4().hex[:8]}",
        tasks=tuple(tasks),
        repo=str(repository),
        base=commit,
        max_agents=options.agents,
        at_once=options.agents,
    )


def _line(name: str, found: Measured) -> str:
    return (
        f"{name:<12}{found.seconds:>8.2f} s   CPU s: worker {found.worker:5.1f}  server "
        f"{found.server:5.1f}  watchers {found.watchers:5.1f}"
    )


async def _measure(options: argparse.Namespace, directory: Path) -> None:
    repository = make_repository(directory / "repository")
    state = directory / "state"
    async with rig(state, (KIND,)) as running:
        environment = plain_environment() | python_path() | {
            "TEMPORAL_ADDRESS": running.client.service_client.config.target_host,
            "CADRE_STATE_DIR": str(state),
            "HOME": str(directory),
            "TERM": "xterm-256color",
            "LINES": "50",
            "COLUMNS": "120",
        }  # fmt: skip
        ratios = []
        for number in range(options.rounds + 1):
            order = (0, options.watchers) if number % 2 else (options.watchers, 0)
            found = {}
            for watchers in order:
                given = _input(options, repository.path, repository.commit)
                found[watchers] = await measure(running, given, environment, watchers)
                name = f"{watchers} watchers" if number else "(warming)"
                print(_line(name, found[watchers]), flush=True)
            if number:
                ratios.append(found[options.watchers].seconds / found[0].seconds - 1)
                print(f"            {ratios[-1]:+.1%}; load average {os.getloadavg()[0]:.1f}")
    each = ", ".join(f"{ratio:+.1%}" for ratio in sorted(ratios))
    print(f"\nmedian {p50(ratios):+.1%} of {options.rounds} rounds ({each})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--watchers", type=int, default=10)
    parser.add_argument("--latency", type=float, default=3, help="seconds of each answer")
    parser.add_argument("--turns", type=int, default=8, help="model calls of each agent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2 agents, to see that it works")
    options = parser.parse_args()
    if options.quick:
        options.agents, options.watchers, options.rounds, options.latency = 2, 2, 1, 0.2
    print(f"{usable_processors()} processors; load average {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="cadre-bench-") as directory:
        asyncio.run(_measure(options, Path(directory)))
    leave(0)


if __name__ == "__main__":
    main()
