"""Many agents at once: the floor's, and those of Cadre's fan-out."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle

from benchmarks import floor_types, subject
from benchmarks.loops import MODEL_CALLS, TOOL_CALLS
from benchmarks.measure import cpu_seconds, p50
from benchmarks.rig import Kind, Rig
from benchmarks.scenario import task
from cadre.domain import briefs
from cadre.domain.outcomes import RunResult, RunStatus
from cadre.domain.reports import SplitPart
from workflows.fan_out import FanOutInput

# Cadre's runs have at most 64 agents, so that a larger crowd is several runs, for both.
AGENTS_OF_A_RUN = 50
CHECK = "test -f small.txt"
NO_LIMIT_USD = Decimal(10_000)


@dataclass(frozen=True)
class Crowd:
    """So many agents at once, of `MODEL_CALLS` model calls each, which take `latency` seconds."""

    agents: int
    latency: float

    @property
    def ideal(self) -> float:
        """Seconds where nothing but the model takes time."""
        return MODEL_CALLS * self.latency

    @property
    def runs(self) -> list[range]:
        """The agents of each run, by number."""
        last = self.agents + 1
        return [
            range(first, min(first + AGENTS_OF_A_RUN, last))
            for first in range(1, last, AGENTS_OF_A_RUN)
        ]


@dataclass(frozen=True)
class Repository:
    """What Cadre's agents work on: its path, and its only commit."""

    path: Path
    commit: str


@dataclass(frozen=True)
class Measured:
    """What a crowd took, by the server's clock, in seconds: from the first agent's start to the
    last one's end, what lay before and after that in their runs, and the p50 of one agent. `cpu`
    is in seconds too, by what used it."""

    agents: float
    before: float
    after: float
    one: float
    cpu: dict[str, float]


# A run's handle, and the workflow IDs of its agents.
Started = tuple[WorkflowHandle[Any, Any], list[str]]


async def measure(rig: Rig, kind: Kind, crowd: Crowd, repository: Repository) -> Measured:
    """Let a crowd do its work."""
    watched = {
        "worker": rig.workers[kind.name],
        "server": (rig.server,),
        "simulator": (rig.simulator,),
    }
    before = _cpu(watched)
    start = _start_floor if kind.own_queues else _start_cadre
    started = []
    for number, members in enumerate(crowd.runs):
        tasks = [_task(kind, crowd, agent) for agent in members]
        queue = kind.queues[number % len(kind.queues)]
        started.append(await start(rig.client, kind, queue, tasks, repository))
    runs = [run for run, _ in started]
    results = await asyncio.gather(*(run.result() for run in runs))
    for result, (_, agents) in zip(results, started, strict=True):
        _check(result, len(agents))
    cpu = {name: used - before[name] for name, used in _cpu(watched).items()}
    spans = await _spans(rig.client, [run.id for run in runs])
    work = await _spans(rig.client, [agent for _, agents in started for agent in agents])
    first, last = min(begun for begun, _ in work), max(ended for _, ended in work)
    return Measured(
        agents=(last - first).total_seconds(),
        before=(first - min(begun for begun, _ in spans)).total_seconds(),
        after=(max(ended for _, ended in spans) - last).total_seconds(),
        one=p50([(ended - begun).total_seconds() for begun, ended in work]),
        cpu=cpu,
    )


async def _start_floor(
    client: Client, kind: Kind, queue: str, tasks: list[str], _: Repository
) -> Started:
    run = _name(kind)
    agents = [f"{run}/{number}" for number in range(1, len(tasks) + 1)]
    told = [_part(agent, task) for agent, task in zip(agents, tasks, strict=True)]
    crowd = floor_types.Crowd(tasks=told, queues=list(kind.queues))
    handle = await client.start_workflow("floor-fan-out", crowd, id=run, task_queue=queue)
    return handle, agents


async def _start_cadre(
    client: Client, kind: Kind, queue: str, tasks: list[str], repository: Repository
) -> Started:
    given = FanOutInput(
        run=_name(kind),
        tasks=tuple(tasks),
        repo=str(repository.path),
        base=repository.commit,
        check=CHECK if kind.name == "whole" else None,
        max_agents=len(tasks),
        at_once=len(tasks),
        max_cost_usd=NO_LIMIT_USD,
    )
    handle = await client.start_workflow(
        "fan-out", given, id=given.run, task_queue=queue, result_type=RunResult
    )
    return handle, [f"{given.run}/worker.{number}" for number in range(1, len(tasks) + 1)]


def _name(kind: Kind) -> str:
    return f"{kind.name}-{uuid.uuid4().hex[:8]}"


def _task(kind: Kind, crowd: Crowd, agent: int) -> str:
    if kind.name == "whole":
        written = f"part-{agent}.txt"
        return task(subject.SMALL, TOOL_CALLS - 1, written=written, latency=crowd.latency)
    return task(subject.SMALL, TOOL_CALLS, latency=crowd.latency)


def _part(agent: str, said: str) -> floor_types.Task:
    """A task of the floor's, in the words in which Cadre's agents get theirs."""
    part = SplitPart(title="", task=said, files=[])
    return floor_types.Task(agent=agent, task=briefs.part_task(part, "", None))


def _check(result: object, agents: int) -> None:
    """Refuse to measure what is not the work that was asked for."""
    if not isinstance(result, RunResult):
        return
    turns = [line.turns for line in result.agents]
    if result.status is not RunStatus.APPROVED or turns != [MODEL_CALLS] * agents:
        raise RuntimeError(f"{result.run} is {result.status}: {result.summary}; turns: {turns}")
    if result.delivery is not None and result.delivery.stat.files != agents:
        raise RuntimeError(f"{result.run} delivers {result.delivery.stat.files} files")


def _cpu(watched: dict[str, tuple[int, ...]]) -> dict[str, float]:
    used = {name: sum(cpu_seconds(pid) for pid in pids) for name, pids in watched.items()}
    of_children = sum(cpu_seconds(pid, children=True) for pid in watched["worker"])
    return {**used, "sandbox": of_children}


async def _spans(client: Client, ids: Sequence[str]) -> list[tuple[datetime, datetime]]:
    """When each workflow started and when it closed."""
    gate = asyncio.Semaphore(20)

    async def one(workflow: str) -> WorkflowExecutionDescription:
        async with gate:
            return await client.get_workflow_handle(workflow).describe()

    found = await asyncio.gather(*(one(workflow) for workflow in ids))
    return [(each.start_time, each.close_time or each.start_time) for each in found]
