"""A worker of several processes: each is kept running, all start and end together."""

from __future__ import annotations

import asyncio
import functools
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

from cadre.domain.errors import CadreError
from cadre.runtime.settings import Settings
from cadre.tools.sandbox import end_strays
from workers.announcement import Ready
from workers.kept import Kept
from workers.shares import share_of

# Starts a process with these settings and returns once it polls.
Start = Callable[[Settings], Awaitable[tuple[Process, Ready]]]

# Beyond the time that a process gives its activities, for it to say goodbye.
GRACE_SECONDS = 5.0


class WorkerGroup:
    """The `count` processes of one worker; `changed` is told when one ends or comes back."""

    def __init__(
        self, settings: Settings, count: int, start: Start, changed: Callable[[], None]
    ) -> None:
        self._start_process = start
        self._ready: Ready | None = None
        grace = settings.shutdown_seconds + GRACE_SECONDS
        self._processes = [
            Kept(
                "worker" if count == 1 else f"worker process {number} of {count}",
                functools.partial(self._start, share_of(settings, number, count)),
                grace_seconds=grace,
                changed=changed,
            )
            for number in range(1, count + 1)
        ]

    @property
    def pids(self) -> tuple[int, ...]:
        """The IDs of the processes that run now."""
        return tuple(pid for kept in self._processes if (pid := kept.pid) is not None)

    @property
    def ready(self) -> Ready | None:
        """What the process that started last said; None before one has."""
        return self._ready

    async def start(self) -> None:
        """Start all; returns once all poll. Raises CadreError where one of them cannot start;
        `stop` then ends the others."""
        try:
            async with asyncio.TaskGroup() as group:
                for kept in self._processes:
                    group.create_task(kept.start())
        except* CadreError as errors:
            raise errors.exceptions[0] from None

    async def stop(self) -> None:
        """End all at once, in order and for good. Harmless where none was started."""
        await asyncio.gather(*(kept.stop() for kept in self._processes))

    async def _start(self, settings: Settings) -> Process:
        # Of a process that was there before; those of its living siblings stay.
        await asyncio.to_thread(end_strays)
        process, self._ready = await self._start_process(settings)
        return process
