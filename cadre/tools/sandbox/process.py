"""One confined command, from its start until nothing of its process tree is left."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from weakref import WeakKeyDictionary

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.sandbox.child import Launch, Process
from cadre.tools.sandbox.memory import over_limit
from cadre.tools.sandbox.output import HeadTail
from cadre.tools.sandbox.types import Completed

_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def turn() -> None:
    """Wait for a round of the event loop in which no other command starts.

    Starting one holds the loop up for milliseconds. With one in each round there is room for what
    else waits, such as heartbeats, when hundreds start together.
    """
    async with _gates.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        await asyncio.sleep(0)


async def supervise(
    launch: Launch,
    *,
    timeout: float,
    output_limit: int,
    on_start: Callable[[int], None] | None,
    on_output: Callable[[bytes], None] | None,
) -> Completed:
    """Run a launcher's command as `Sandbox.run` promises. NO_SANDBOX if it could not start it."""
    started = time.monotonic()
    output = HeadTail(output_limit)
    process = Process(launch, output, on_output)
    watch = asyncio.create_task(over_limit(process.pid, launch.memory))
    try:
        if on_start is not None:
            on_start(process.pid)
        ends: set[asyncio.Future[None]] = {process.launcher, watch}
        done, _ = await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        watch.cancel()
        await _uninterrupted(process.end())
    out_of_memory = bool(done) and process.launcher not in done
    return Completed(
        exit_code=_exit_code(process, output, stopped=process.launcher not in done),
        output=output.value(),
        truncated=output.truncated,
        total_bytes=output.total,
        timed_out=not done,
        seconds=time.monotonic() - started,
        out_of_memory=out_of_memory,
    )


def _exit_code(process: Process, output: HeadTail, *, stopped: bool) -> int:
    if process.exit_code is not None:
        return process.exit_code
    if stopped or process.returncode < 0:  # ended from outside
        return 128 + signal.SIGKILL
    said = output.value().decode("utf-8", "replace").strip()[-300:]
    raise CadreError(ErrorKind.NO_SANDBOX, f"the sandbox did not start: {said}")


async def _uninterrupted(work: Coroutine[None, None, None]) -> None:
    """Await `work` to its end, and only then let a cancellation through."""
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
