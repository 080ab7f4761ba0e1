"""What a benchmark runs on: one embedded server, one simulator, one worker each."""

from __future__ import annotations

import json
import urllib.request
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
from cadre.runtime.settings import Settings
from cadre.storage.objects import Objects
from workers.processes import SIMULATED_KEY, Simulation, start_simulator

START_SECONDS = 60.0


@dataclass(frozen=True)
class Rig:
    """The processes while they run."""

    client: Client
    simulator_url: str
    server: int
    simulator: int
    workers: dict[str, int]

    def calls(self) -> Counter[str]:
        """How many model calls were answered, by who made them (`floor` or `cadre`)."""
        with urllib.request.urlopen(f"{self.simulator_url}/simulator/requests") as response:
            journal = json.load(response)
        return Counter(
            call["agent_id"] for call in journal["requests"] if call["outcome"] == "answered"
        )


@asynccontextmanager
async def rig(state: Path) -> AsyncIterator[Rig]:
    """Everything for the time of a block, in `state`."""
    settings = Settings(state_dir=state, port=free_port(), ui_port=free_port())
    port = free_port()
    url = f"http://{HOST}:{port}"
    started: list[Process] = []
    async with devserver.running(settings) as server:
        try:
            simulation = Simulation(scenario="benchmarks.scenario:scenario")
            started.append(await start_simulator(settings, simulation, port))
            started.append(await _worker("floor", server.address, state, url))
            started.append(await _worker("cadre", server.address, state, url))
            await subject.store_definition(Objects.open(settings.objects_url))
            client = await Client.connect(server.address, data_converter=pydantic_data_converter)
            simulator, floor, cadre = (process.pid for process in started)
            workers = {"floor": floor, "cadre": cadre}
            yield Rig(client, url, server.process.pid, simulator, workers)
        finally:
            for process in reversed(started):
                await end(process, 5)


async def _worker(kind: str, address: str, state: Path, simulator_url: str) -> Process:
    environment = plain_environment() | python_path()
    environment |= {"ANTHROPIC_BASE_URL": simulator_url, "ANTHROPIC_API_KEY": SIMULATED_KEY}
    command = python_module("benchmarks.worker", kind, address, str(state))
    process = await spawn(command, environment, pipe=True)
    if await first_line(process, START_SECONDS) != "ready":
        await end(process, 0)
        raise RuntimeError(f"the worker of {kind} does not start")
    return process
