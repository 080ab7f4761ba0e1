"""What Cadre costs beyond the least code that does the same on Temporal.

`python -m benchmarks.overhead [--quick]`: one server, one simulated model without latency, and a
worker each for the floor and for Cadre, which take turns. A few minutes; --quick only shows that
it works.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import httpx2

from benchmarks.floor import FloorActivities
from benchmarks.floor_types import ModelInput
from benchmarks.growth import Growth, grow
from benchmarks.loops import MODEL_CALLS, TOOL_CALLS, Measured, compare, rows
from benchmarks.measure import p50
from benchmarks.pieces import pieces
from benchmarks.rig import Rig, rig
from benchmarks.scenario import task
from benchmarks.subject import SMALL, request
from cadre.runtime.processes import leave
from workers.processes import SIMULATED_KEY


class Effort(NamedTuple):
    """How much is measured."""

    rounds: int
    in_a_row: int
    at_once: int
    pieces: int
    turns: int


FULL = Effort(rounds=8, in_a_row=4, at_once=40, pieces=40, turns=200)
QUICK = Effort(rounds=1, in_a_row=2, at_once=4, pieces=5, turns=42)


async def _measure(effort: Effort, state: Path) -> None:
    async with rig(state) as running:
        alone = await _model_alone(running, effort.rounds * effort.in_a_row)
        measured = await compare(
            running, rounds=effort.rounds, in_a_row=effort.in_a_row, at_once=effort.at_once
        )
        calls = running.calls()
        _say_comparison(effort, measured, alone, calls["floor"], calls["cadre"])
        _say_growth(await grow(running, effort.turns))
    print("\nCadre's parts, p50                            ms")
    for name, milliseconds in await pieces(state, effort.pieces):
        print(f"  {name:<40}{milliseconds:8.1f}")
    print(f"\nload average at the end: {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")


async def _model_alone(rig: Rig, times: int) -> float:
    """The p50 seconds of one agent's model calls, with nothing around them."""
    headers = {"x-api-key": SIMULATED_KEY, "anthropic-version": "2023-06-01"}
    seconds = []
    async with httpx2.AsyncClient(base_url=rig.simulator_url, headers=headers) as http:
        model = FloorActivities(http, {**request(), "system": "You only call."}).model
        for number in range(times):
            agent = f"alone-{number}"
            began = time.perf_counter()
            answer = await model(ModelInput(agent=agent, task=task(SMALL, TOOL_CALLS)))
            while answer.uses:
                answer = await model(ModelInput(agent=agent, results=answer.uses))
            seconds.append(time.perf_counter() - began)
    return p50(seconds)


def _say_comparison(
    effort: Effort, measured: dict[str, Measured], alone: float, floor_calls: int, cadre_calls: int
) -> None:
    print(
        f"{MODEL_CALLS} model calls and {TOOL_CALLS} tool calls an agent; "
        f"{len(measured['cadre'].seconds)} agents in a row, {effort.at_once} at once "
        f"{effort.rounds} times; floor and Cadre in turns\n"
    )
    print(f"{'':<42}{'floor':>10}{'Cadre':>10}{'ratio':>8}  aim")
    for row in rows(measured):
        both = f"{_number(row.floor):>10}{_number(row.cadre):>10}"
        print(f"{row.name:<42}{both}{row.ratio:>8.2f}  {row.aim}".rstrip())
    print(f"{'model calls answered':<42}{floor_calls:>10}{cadre_calls:>10}")
    print(f"{'the model calls of one agent alone, s, p50':<42}{_number(alone):>10}")


def _say_growth(growth: Growth) -> None:
    print(f"\n{growth.turns} turns with 20 KB each: {growth.state} in {growth.seconds:.1f} s")
    print(f"  {'history events':<40}{growth.events:8}")
    print(f"  {'history bytes':<40}{growth.bytes:8}")
    print(f"  {'history bytes of turn 4':<40}{growth.turn_bytes[3]:8}")
    print(f"  {'history bytes of turn 40':<40}{growth.turn_bytes[39]:8}")
    print(f"  {'turn 40 to turn 4':<40}{growth.ratio:8.3f}  aim within 2 %")


def _number(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few agents, to see that it works")
    effort = QUICK if parser.parse_args().quick else FULL
    with tempfile.TemporaryDirectory(prefix="cadre-bench-") as state:
        asyncio.run(_measure(effort, Path(state)))
    leave(0)


if __name__ == "__main__":
    main()
