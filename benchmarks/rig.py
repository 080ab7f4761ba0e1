"""What a benchmark runs on: one embedded server, one simulator, and workers."""

from __future__ import annotations

import json
import urllib.request
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import subject
from cadre.runtime import devserver
from cadre.runtime.ports import HOST, free_port
from cadre.runtime.processes import (
    end,
    first_line,
    plain_environment,
    python_module,
    python_path,
    spawn,
)
from cadre.runtime.settings import Settings, load_settings
from cadre.storage.objects import Objects
from workers.processes import SIMULATED_KEY, Simulation, start_simulator
from workers.shares import share_of

START_SECONDS = 60.0


@dataclass(frozen=True)
class Kind:
    """A worker that a benchmark needs: a key of `benchmarks.worker.KINDS`, its processes and the
    limits that they share. With `own_queues`, each process has a task queue of its own."""

    name: str
    processes: int = 1
    limits: Mapping[str, int] = field(default_factory=dict)
    own_queues: bool = False

    @property
    def queues(self) -> tuple[str, ...]:
        """The task queues that it works on."""
        if not self.own_queues:
            return (self.name,)
        return tuple(f"{self.name}.{number}" for number in range(self.processes))

    def settings(self, state: Path) -> list[Settings]:
        """Those of each process."""
        queues = self.queues if self.own_queues else self.queues * self.processes
        whole = load_settings(state_dir=state, shutdown_seconds=0, **self.limits)
        shares = [share_of(whole, n, self.processes) for n in range(1, self.processes + 1)]
        return [
            share.model_copy(update={"task_queue": queue})
            for share, queue in zip(shares, queues, strict=True)
        ]


OF_ONE_PROCESS = (Kind("floor"), Kind("cadre"))


@dataclass(frozen=True)
class Rig:
    """The processes while they run: their IDs, and workers' by the name of their kind."""

    client: Client
    simulator_url: str
    server: int
    simulator: int
    workers: dict[str, tuple[int, ...]]

    def calls(self) -> Counter[str]:
        """How many model calls were answered, by who made them (`floor` or an agent's ID)."""
        with urllib.request.urlopen(f"{self.simulator_url}/simulator/requests") as response:
            journal = json.load(response)
        return Counter(
            call["agent_id"] for call in journal["requests"] if call["outcome"] == "answered"
        )


@asynccontextmanager
async def rig(state: Path, kinds: tuple[Kind, ...] = OF_ONE_PROCESS) -> AsyncIterator[Rig]:
    """Everything for the time of a block, in `state`."""
    settings = Settings(state_dir=state, port=free_port(), ui_port=free_port())
    port = free_port()
    url = f"http://{HOST}:{port}"
    started: list[Process] = []
    async with devserver.running(settings) as server:
        try:
            simulation = Simulation(scenario="benchmarks.scenario:scenario")
            simulator = await start_simulator(settings, simulation, port)
            started.append(simulator)
            workers: dict[str, tuple[int, ...]] = {}
            for kind in kinds:
                for share in kind.settings(state):
                    started.append(await _worker(kind.name, server.address, share, url))
                    workers[kind.name] = (*workers.get(kind.name, ()), started[-1].pid)
            await subject.store_definition(Objects.open(settings.objects_url))
            client = await Client.connect(server.address, data_converter=pydantic_data_converter)
            yield Rig(client, url, server.process.pid, simulator.pid, workers)
        finally:
            for process in reversed(started):
                await end(process, 5)


async def _worker(kind: str, address: str, settings: Settings, simulator_url: str) -> Process:
    environment = plain_environment() | python_path() | settings.as_environment()
    environment |= {"ANTHROPIC_BASE_URL": simulator_url, "ANTHROPIC_API_KEY": SIMULATED_KEY}
    process = await spawn(python_module("benchmarks.worker", kind, address), environment, pipe=True)
    if await first_line(process, START_SECONDS) != "ready":
        await end(process, 0)
        raise RuntimeError(f"a worker of {kind} does not start")
    return process
