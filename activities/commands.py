"""A command of the operator's, outside the sandbox: to its end, with all of its process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

from cadre.tools.sandbox.output import HeadTail

MAX_OUTPUT_BYTES = 1024 * 1024


class Ended(NamedTuple):
    """Its exit status, None where it was stopped, and what it said, without the middle of more
    than `MAX_OUTPUT_BYTES`."""

    status: int | None
    text: str


async def run_command(
    words: list[str], directory: str, environment: Mapping[str, str], seconds: float
) -> Ended:
    """Run a command, for at most so many seconds. Nothing of its process group outlives this.

    It writes to a file, so that the death of this process does not stop it in the middle.
    """
    with tempfile.TemporaryFile() as output:
        status = await _status(words, directory, environment, output, seconds)
        return Ended(status, await asyncio.to_thread(_text, output))


async def _status(
    words: list[str],
    directory: str,
    environment: Mapping[str, str],
    output: BinaryIO,
    seconds: float,
) -> int | None:
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=directory,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # no terminal to ask at
    )
    try:
        async with asyncio.timeout(seconds):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _text(output: BinaryIO) -> str:
    kept = HeadTail(MAX_OUTPUT_BYTES)
    output.seek(0)
    while piece := output.read(64 * 1024):
        kept.feed(piece)
    return kept.value().decode(errors="replace")
