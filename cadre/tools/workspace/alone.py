"""One at a time, to save work: where several want to make the same thing, one makes it and the
others find it.

Nothing depends on it: whoever goes on without waiting makes the thing once more, and one of the
two is kept. So a holder that stands still is not waited for. The lock is the kernel's, on a
directory, and ends with its holder however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

POLL_SECONDS = 0.05
# A holder shows every second that it lives; a busy machine may keep it from that for a while.
LIFE_SECONDS = 1.0
STILL_SECONDS = 15.0


@contextlib.asynccontextmanager
async def alone(directory: Path) -> AsyncIterator[None]:
    """Hold `directory` for the time of a block, or go on without where its holder has not moved
    for `STILL_SECONDS`."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not await _taken(handle):
            yield
            return
        life = asyncio.create_task(_show_life(handle))
        try:
            yield
        finally:
            life.cancel()
    finally:
        os.close(handle)


async def _taken(handle: int) -> bool:
    """Wait for the lock; False where it was given up."""
    seen, since = 0, time.monotonic()
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        moved = os.fstat(handle).st_mtime_ns
        if moved != seen:
            seen, since = moved, time.monotonic()
        elif time.monotonic() - since > STILL_SECONDS:
            return False
        await asyncio.sleep(POLL_SECONDS)


async def _show_life(handle: int) -> None:
    while True:
        os.utime(handle)
        await asyncio.sleep(LIFE_SECONDS)
