"""How close many agents at once come to the time that the model alone takes.

`python -m benchmarks.fan_out [--agents 10 50 200] [--latency 1 5] [--rounds 1] [--processes N]
[--json] [--quick]`: one server, one simulated model that takes its time, and a worker each, of as
many processes, for

- the floor: a workflow with a child workflow for each agent, and no workspaces;
- Cadre: the pattern fan-out, with a tool that does nothing and workspaces that are nowhere, so that
  its agents do what the floor's do;
- Cadre whole: the same in workspaces and in the sandbox; an agent reads four times and writes a
  file, which is committed, merged and checked.

No limit of a worker or of a run is what is measured: all agents may work, and call the model, at
once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
import pygit2

from benchmarks import subject
from benchmarks.crowd import Crowd, Measured, Repository, measure
from benchmarks.floor import FloorActivities
from benchmarks.floor_types import ModelInput
from benchmarks.loops import MODEL_CALLS, TOOL_CALLS
from benchmarks.measure import p50
from benchmarks.rig import Kind, Rig, rig
from benchmarks.scenario import task
from cadre.domain.roles import WORKER
from cadre.runtime.processes import leave
from cadre.runtime.processors import usable_processors
from workers.processes import SIMULATED_KEY

FILES = 100
NAMES = {"floor-of-workers": "floor", "cadre": "Cadre", "whole": "Cadre whole"}
HEAD = (
    f"{'agents':>6}{'latency':>9}  {'':<12}{'work, s':>8}{'ideal':>7}{'floor':>7}"
    f"{'one, s':>8}{'before':>8}{'after':>7}   CPU s of worker, server, model, sandbox"
)


@dataclass(frozen=True)
class Row:
    """A crowd, and what was measured of it: the p50 of its rounds. `share` is the ideal's part of
    the agents' work, `to_floor` that work in terms of the floor's in the same round."""

    agents: int
    latency: float
    who: str
    measured: Measured
    share: float
    to_floor: float


def _row(crowd: Crowd, kind: Kind, rounds: Sequence[dict[str, Measured]]) -> Row:
    """The rounds of a crowd, as one kind went through them."""
    mine = [asdict(each[kind.name]) for each in rounds]
    cpu = {name: p50([each["cpu"][name] for each in mine]) for name in mine[0]["cpu"]}
    times = {name: p50([each[name] for each in mine]) for name in mine[0] if name != "cpu"}
    floors = [each["floor-of-workers"].agents for each in rounds]
    ratio = p50([each["agents"] / floor for each, floor in zip(mine, floors, strict=True)])
    share = crowd.ideal / times["agents"]
    measured = Measured(**times, cpu=cpu)
    return Row(crowd.agents, crowd.latency, NAMES[kind.name], measured, share, ratio)


def _line(row: Row) -> str:
    found = row.measured
    cpu = "  ".join(f"{used:5.1f}" for used in found.cpu.values())
    return (
        f"{row.agents:>6}{row.latency:>8g}s  {row.who:<12}{found.agents:>8.2f}{row.share:>7.2f}"
        f"{row.to_floor:>7.2f}{found.one:>8.2f}{found.before:>8.2f}{found.after:>7.2f}   {cpu}"
    )


async def model_alone(rig: Rig, crowd: Crowd) -> float:
    """Seconds in which the simulated model serves a crowd with nothing around its calls."""
    headers = {"x-api-key": SIMULATED_KEY, "anthropic-version": "2023-06-01"}
    limits = httpx2.Limits(max_connections=None)
    said = {**subject.request(WORKER), "system": 'You are the agent "alone" in the role "worker".'}
    async with AsyncExitStack() as stack:
        http = httpx2.AsyncClient(
            base_url=rig.simulator_url, headers=headers, limits=limits, timeout=60
        )
        model = FloorActivities(await stack.enter_async_context(http), said).model

        async def one(number: int) -> None:
            agent, told = f"alone-{number}", task("small.txt", TOOL_CALLS, latency=crowd.latency)
            answer = await model(ModelInput(agent=agent, task=told))
            while answer.uses:
                answer = await model(ModelInput(agent=agent, results=answer.uses))

        began = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(crowd.agents)))
        return time.perf_counter() - began


def make_repository(path: Path) -> Repository:
    """A small repository with one commit."""
    repository = pygit2.init_repository(path, initial_head="main")
    (path / subject.SMALL).write_text("A line.\n" * 20)
    for number in range(FILES):
        (path / f"module_{number}.py").write_text(f"VALUE = {number}\n")
    repository.index.add_all()
    who = pygit2.Signature("Benchmark", "benchmark@example.invalid", 1_700_000_000, 0)
    tree = repository.index.write_tree()
    return Repository(path, str(repository.create_commit("HEAD", who, who, "First", tree, [])))


def kinds(processes: int, agents: int) -> tuple[Kind, ...]:
    """The floor, Cadre without workspaces and tools, and Cadre.

    No agent waits for its turn, even if one process has them all; but commands in the sandbox do,
    as they would anywhere.
    """
    calls = {"max_model_calls": agents * processes}
    both = {**calls, "max_tool_calls": agents * processes}
    return (
        Kind("floor-of-workers", processes, both, own_queues=True),
        Kind("cadre", processes, both),
        Kind("whole", processes, calls),
    )


async def _measure(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    crowds = [Crowd(agents, latency) for latency in options.latency for agents in options.agents]
    compared = kinds(options.processes, max(options.agents))
    repository = make_repository(directory / "repository")
    rows = []
    async with rig(directory / "state", compared) as running:
        for kind in compared:  # warm
            await measure(running, kind, Crowd(4, 0), repository)
        hardest = Crowd(max(options.agents), min(options.latency))
        alone = await model_alone(running, hardest)
        _say(f"the model alone, {hardest.agents} x {hardest.latency:g} s: {alone:.2f} s\n\n{HEAD}")
        for crowd in crowds:
            rounds = []
            for number in range(options.rounds):
                order = compared if number % 2 == 0 else compared[::-1]
                rounds.append({k.name: await measure(running, k, crowd, repository) for k in order})
            rows += [_row(crowd, kind, rounds) for kind in compared]
            _say("\n".join(map(_line, rows[-len(compared) :])))
    return {"model_alone_seconds": alone, "rows": [asdict(row) for row in rows]}


def _say(text: str) -> None:
    """Progress, which is the table too."""
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--latency", type=float, nargs="+", default=[1, 5], help="seconds")
    parser.add_argument("--rounds", type=int, default=1, help="of each, of which the p50 is shown")
    parser.add_argument("--processes", type=int, default=usable_processors(), help="of each worker")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--quick", action="store_true", help="4 agents, to see that it works")
    options = parser.parse_args()
    if options.quick:
        options.agents, options.latency = [4], [0.1]
    return options


def main() -> None:
    """Measure and print."""
    options = _options()
    machine = {"processors": usable_processors(), "processes": options.processes}
    begin = os.getloadavg()[0]
    _say(
        f"{MODEL_CALLS} model calls and {TOOL_CALLS} tool calls an agent; {machine['processors']} "
        f"processors, {options.processes} processes a worker; load average {begin:.2f}"
    )
    with tempfile.TemporaryDirectory(prefix="cadre-bench-") as directory:
        found = asyncio.run(_measure(options, Path(directory)))
    end = os.getloadavg()[0]
    _say(f"load average at the end: {end:.2f}")
    if options.json:
        print(json.dumps({**machine, "load_before": begin, "load_after": end, **found}, indent=2))
    leave(0)


if __name__ == "__main__":
    main()
