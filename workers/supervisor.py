"""The services of one state directory, as child processes: server, simulator, worker.

Each is started again when it dies, and none outlives the supervisor, however that ends. Only the
worker gets the environment, and with it the keys.
"""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from cadre.domain.errors import CadreError
from cadre.runtime import devserver
from cadre.runtime.client import external_service
from cadre.runtime.locks import supervising
from cadre.runtime.ports import HOST, free_port
from cadre.runtime.processes import leave_no_core
from cadre.runtime.record import RunningServices, remove_services, write_services
from cadre.runtime.settings import Settings
from workers.announcement import Ready
from workers.group import WorkerGroup
from workers.kept import Kept
from workers.processes import Simulation, start_simulator, start_worker
from workers.shares import process_count

SIMULATOR_GRACE_SECONDS = 5.0


class Supervisor:
    """The services while they run: the embedded server unless the user named a Temporal service,
    a simulator for `simulation`, a worker unless told otherwise.

    The worker's log goes to the file `log`, or where ours goes.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        simulation: Simulation | None = None,
        worker: bool = True,
        log: Path | None = None,
    ) -> None:
        self._settings = settings
        self._simulation = simulation
        self._log = log
        self._complete = False
        self._stopping = False
        self._simulator_port = free_port()
        self._server = self._kept("server", self._start_server, devserver.STOP_SECONDS)
        self._simulator = self._kept("simulator", self._start_simulator, SIMULATOR_GRACE_SECONDS)
        count = process_count(settings)
        self._worker = WorkerGroup(settings, count, self._start_worker, self._record)
        self._embedded = not external_service()
        self._with_worker = worker

    @property
    def services(self) -> RunningServices:
        """What runs where, now."""
        settings, simulation = self._settings, self._simulation
        return RunningServices(
            ready=self._complete,
            supervisor_pid=os.getpid(),
            address=f"{HOST}:{settings.port}" if self._embedded else None,
            ui_url=f"http://{HOST}:{settings.ui_port}" if self._embedded else None,
            server_pid=self._server.pid,
            worker_pids=self._worker.pids,
            simulator_pid=self._simulator.pid,
            simulator_url=self._simulator_url,
            scenario=simulation.scenario if simulation else None,
            models=self._models,
            sandbox=self._worker.ready.sandbox if self._worker.ready else None,
        )

    async def start(self) -> None:
        """Start everything; returns once all of it serves. Raises CadreError where it cannot."""
        if self._embedded:
            await self._server.start()
        self._record()  # the worker finds the server by it
        try:
            async with asyncio.TaskGroup() as group:
                if self._simulation is not None:
                    group.create_task(self._simulator.start())
                if self._with_worker:
                    group.create_task(self._worker.start())
        except* CadreError as errors:
            raise errors.exceptions[0] from None
        self._complete = True
        self._record()

    async def stop(self) -> None:
        """End everything in order: the worker first, so that it can say goodbye to the server."""
        self._stopping = True
        remove_services(self._settings)
        for part in (self._worker, self._simulator, self._server):
            await part.stop()

    def _kept(self, name: str, start: Callable[[], Awaitable[Process]], grace: float) -> Kept:
        return Kept(name, start, grace_seconds=grace, changed=self._record)

    @property
    def _simulator_url(self) -> str | None:
        return f"http://{HOST}:{self._simulator_port}" if self._simulation else None

    @property
    def _models(self) -> str | None:
        if self._simulation is not None:
            return f"the simulator, which plays {self._simulation.scenario or 'the demo'}"
        return self._worker.ready.models if self._worker.ready else None

    def _record(self) -> None:
        if not self._stopping:
            write_services(self._settings, self.services)

    async def _start_server(self) -> Process:
        return (await devserver.start(self._settings)).process

    async def _start_simulator(self) -> Process:
        simulation = self._simulation or Simulation()
        return await start_simulator(self._settings, simulation, self._simulator_port)

    async def _start_worker(self, settings: Settings) -> tuple[Process, Ready]:
        return await start_worker(settings, self._simulator_url, self._log)


@asynccontextmanager
async def supervised(
    settings: Settings,
    *,
    simulation: Simulation | None = None,
    worker: bool = True,
    log: Path | None = None,
) -> AsyncIterator[Supervisor]:
    """The services for the time of a block, with the state directory held.

    Raises CadreError with nothing left behind where somebody holds it or a part cannot start.
    """
    leave_no_core()
    with supervising(settings):
        supervisor = Supervisor(settings, simulation=simulation, worker=worker, log=log)
        try:
            await supervisor.start()
            yield supervisor
        finally:
            await supervisor.stop()
