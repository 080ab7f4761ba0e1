"""Heartbeats of an activity that works for a while."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from temporalio import activity

# Beats in one heartbeat timeout: a loop that is late must not cost the attempt.
_BEATS = 4
# That the activity is cancelled is heard in answer to a heartbeat, and processes end with it.
_LONGEST_PAUSE_SECONDS = 1.0


@contextlib.asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Heartbeat while the body runs, a few times in each heartbeat timeout.

    The body must leave the event loop free. Cancelling reaches the body as usual.
    """
    timeout = activity.info().heartbeat_timeout
    pause = _LONGEST_PAUSE_SECONDS
    if timeout is not None:
        pause = min(pause, timeout.total_seconds() / _BEATS)
    task = asyncio.create_task(_beat(pause))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _beat(pause: float) -> None:
    while True:
        await asyncio.sleep(pause)  # first: that it started is a sign of life, and a call is dear
        activity.heartbeat()
