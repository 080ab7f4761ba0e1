"""The floor and Cadre doing the same: one agent after the other, and many at once."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from temporalio.client import WorkflowHandle

from benchmarks import subject
from benchmarks.floor_types import Task
from benchmarks.measure import cpu_seconds, history_size, p50
from benchmarks.rig import Rig
from benchmarks.scenario import task
from cadre.domain.outcomes import AgentState

TOOL_CALLS = 5
MODEL_CALLS = TOOL_CALLS + 1
KINDS = ("floor", "cadre")


@dataclass
class Measured:
    """What was measured of one of the two. CPU seconds are for one agent, by process."""

    seconds: list[float] = field(default_factory=list)
    calls_a_second: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    events: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)


async def start(rig: Rig, kind: str) -> WorkflowHandle[Any, Any]:
    """Start one agent."""
    name = f"{kind}-{uuid.uuid4().hex[:8]}"
    reading = task(subject.SMALL, TOOL_CALLS)
    if kind == "floor":
        given: object = Task(agent=name, task=reading)
        return await rig.client.start_workflow("floor", given, id=name, task_queue=kind)
    given = subject.spec(name, reading)
    return await rig.client.start_workflow("agent", given, id=name, task_queue=kind)


async def finish(kind: str, handle: WorkflowHandle[Any, Any]) -> None:
    """Wait for an agent's report."""
    result = await handle.result()
    if kind == "cadre" and result["state"] != AgentState.REPORTED:
        raise RuntimeError(f"an agent ended without its report: {result}")


async def one(rig: Rig, kind: str, measured: Measured) -> None:
    """One agent alone."""
    began = time.perf_counter()
    handle = await start(rig, kind)
    await finish(kind, handle)
    measured.seconds.append(time.perf_counter() - began)
    events, size = await history_size(handle)
    measured.events.append(events)
    measured.bytes.append(size)


async def many(rig: Rig, kind: str, agents: int, measured: Measured) -> None:
    """`agents` agents at once."""
    (worker,) = rig.workers[kind]
    watched = {"worker": worker, "server": rig.server, "simulator": rig.simulator}
    before = {name: cpu_seconds(pid) for name, pid in watched.items()}
    began = time.perf_counter()

    async def go() -> None:
        await finish(kind, await start(rig, kind))

    await asyncio.gather(*(go() for _ in range(agents)))
    measured.calls_a_second.append(agents * MODEL_CALLS / (time.perf_counter() - began))
    for name, pid in watched.items():
        used = (cpu_seconds(pid) - before[name]) / agents
        measured.cpu.setdefault(name, []).append(used)


async def compare(rig: Rig, *, rounds: int, in_a_row: int, at_once: int) -> dict[str, Measured]:
    """Both in turns, so that a machine that is busy for a while slows both down."""
    for kind in KINDS:  # warm
        await one(rig, kind, Measured())
        await many(rig, kind, min(at_once, 4), Measured())
    measured = {kind: Measured() for kind in KINDS}
    for number in range(rounds):
        order: Sequence[str] = KINDS if number % 2 == 0 else KINDS[::-1]
        for _ in range(in_a_row):
            for kind in order:
                await one(rig, kind, measured[kind])
        for kind in order:
            await many(rig, kind, at_once, measured[kind])
    return measured


class Row(NamedTuple):
    """The p50 of both, the p50 of Cadre's part of the floor's (each round by itself, since a
    machine's load changes from round to round), and what is aimed at."""

    name: str
    floor: float
    cadre: float
    ratio: float
    aim: str = ""


def rows(measured: dict[str, Measured]) -> list[Row]:
    """What was measured, side by side."""
    floor, cadre = measured["floor"], measured["cadre"]
    return [
        _row("seconds of one agent, p50", floor.seconds, cadre.seconds, "≤ 1.5"),
        _row(
            "model calls a second, many at once",
            floor.calls_a_second,
            cadre.calls_a_second,
            "≥ 0.8",
        ),
        *(
            _row(f"CPU seconds of the {name}, an agent", floor.cpu[name], cadre.cpu[name])
            for name in ("worker", "server", "simulator")
        ),
        _row("history events of an agent", floor.events, cadre.events),
        _row("history bytes of an agent", floor.bytes, cadre.bytes),
    ]


def _row(name: str, floor: Sequence[float], cadre: Sequence[float], aim: str = "") -> Row:
    ratios = [ours / theirs for theirs, ours in zip(floor, cadre, strict=True) if theirs]
    return Row(name, p50(floor), p50(cadre), p50(ratios), aim)
