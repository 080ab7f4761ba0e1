"""Services for whoever comes: those that run already, else own ones, kept while they are used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.locks import (
    POLL_SECONDS,
    StateDirHeldError,
    make_state_dir,
    supervisor_pid,
    using,
)
from cadre.runtime.ports import free_port, port_is_free
from cadre.runtime.record import RunningServices, read_services
from cadre.runtime.settings import Settings
from workers.processes import Simulation
from workers.supervisor import Supervisor, supervised

# Others start or end their services well within this time.
WAIT_SECONDS = 90.0


@asynccontextmanager
async def services(
    settings: Settings, *, simulation: Simulation | None = None
) -> AsyncIterator[RunningServices]:
    """The services that run on the state directory, whatever they simulate, else own ones.

    Own ones take free ports where the settings' are taken, write their errors to `services.log`
    in the state directory, and stay until nobody else uses them. Raises CadreError where they
    cannot start.
    """
    async with using(settings) as use, AsyncExitStack() as stack:
        found = await _find_or_start(settings, simulation, stack)
        if isinstance(found, RunningServices):
            yield found
            return
        try:
            yield found.services
        finally:
            await use.become_last()


async def _find_or_start(
    settings: Settings, simulation: Simulation | None, stack: AsyncExitStack
) -> RunningServices | Supervisor:
    """What runs, or else a supervisor on `stack`."""
    while True:
        running = await _running(settings)
        if running is not None:
            return running
        own = supervised(
            with_free_ports(settings),
            simulation=simulation,
            log=make_state_dir(settings) / "services.log",
        )
        try:
            return await stack.enter_async_context(own)
        except StateDirHeldError:  # somebody was quicker
            continue


async def _running(settings: Settings) -> RunningServices | None:
    """Services that serve, once whoever starts or ends some has done so; None where none run."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (pid := supervisor_pid(settings)) is not None:
        running = read_services(settings)
        if running is not None and running.ready:
            return running
        if time.monotonic() > deadline:
            raise CadreError(
                ErrorKind.WRONG_INPUT,
                f"process {pid} holds {settings.state_dir}, but its services do not get ready",
            )
        await asyncio.sleep(POLL_SECONDS)
    return None


def with_free_ports(settings: Settings) -> Settings:
    """`settings`, with another port wherever somebody else listens on the one that they name."""
    ports = {
        name: free_port()
        for name in ("port", "ui_port")
        if not port_is_free(getattr(settings, name))
    }
    return settings.model_copy(update=ports)
