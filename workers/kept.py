"""A process that is kept running."""

from __future__ import annotations

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

import structlog

from cadre.domain.errors import CadreError
from cadre.runtime.processes import end, gone

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0
# A process that lived this long did not fail at its start: the pauses begin anew.
STEADY_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Kept:
    """A process that is started again, after growing pauses, whenever it ends.

    `start` starts it and returns once it serves; `changed` is told that it did so again.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Process]],
        *,
        grace_seconds: float,
        changed: Callable[[], None],
    ) -> None:
        self.name = name
        self._start = start
        self._grace_seconds = grace_seconds
        self._changed = changed
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process's ID; None while there is none."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def start(self) -> None:
        """Start it for the first time. Raises what `start` raises."""
        self._process = await self._start()
        self._keeper = asyncio.create_task(self._keep(self._process), name=f"keep {self.name}")

    async def stop(self) -> None:
        """End it in order, for good. Harmless where it was never started."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self._process is not None:
            await end(self._process, self._grace_seconds)

    async def _keep(self, process: Process) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            status = await gone(process)
            self._changed()
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            log.warning(f"the {self.name} ended", status=status, restart_in_seconds=pause)
            process, pause = await self._restarted(pause)

    async def _restarted(self, pause: float) -> tuple[Process, float]:
        """Start it until it starts; with it, the pause before the next time."""
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                self._process = process = await self._start()
            except CadreError as error:
                log.error(f"the {self.name} does not start: {error}", retry_in_seconds=pause)  # noqa: TRY400
            else:
                self._changed()
                return process, pause
