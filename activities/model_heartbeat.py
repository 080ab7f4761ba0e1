"""Heartbeats of a model call: that it is alive, and the end of what the model is writing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from temporalio import activity

from cadre.llm.stream import TAIL_CHARS, Accumulator

# Text that is being written is shown at most this often; a silent model is vouched for, thrice
# within a heartbeat timeout. Each beat costs the server a write.
BEAT_SECONDS = 0.25
QUIET_BEAT_SECONDS = 3.0


@contextlib.asynccontextmanager
async def showing(turn: int, accumulator: Accumulator) -> AsyncIterator[None]:
    """Beat until the block is left; details are `turn`, `attempt`, `text` (at most 2 KB) and
    `output_chars`.

    A timer beats, not the stream, so that a model that thinks in silence looks alive too.
    """
    task = asyncio.create_task(_beat(turn, accumulator))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _beat(turn: int, accumulator: Accumulator) -> None:
    # That it started was a sign of life.
    shown, at, attempt = 0, time.monotonic(), activity.info().attempt
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        chars, now = accumulator.output_chars, time.monotonic()
        if chars != shown or now - at >= QUIET_BEAT_SECONDS:
            tail = accumulator.tail.encode(errors="replace")[-TAIL_CHARS:].decode(errors="ignore")
            beat = {"turn": turn, "attempt": attempt, "text": tail, "output_chars": chars}
            activity.heartbeat(beat)
            shown, at = chars, now
