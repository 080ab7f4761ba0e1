"""A command waits at its gate until nothing of its sandbox can outlive the engine.

Bubblewrap has the kernel end its process with the engine, and the first process of the sandbox
with its own. It asks for both only while it sets up, and asking is in vain once the one to follow
is dead: then the sandbox would run on with nobody to bound it. So the last thing before the
command says that it is there, and waits for a word of the engine. The engine gives it when both
ties hold. If the engine dies before, the gate is at its end of file, and all ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from cadre.tools.sandbox.descriptors import Descriptors
from cadre.tools.sandbox.types import Limits

_FILTERS = re.compile(r"^Seccomp_filters:\s*(\d+)$", re.MULTILINE)
# What is asked for is nearly always so at once.
_AGAIN_SECONDS = 0.001
_KIB = 1024


class Gate:
    """The gate of one command. To be used on the event loop's thread."""

    def __init__(self, descriptors: Descriptors) -> None:
        # Only the engine holds this end: no program that it starts inherits it.
        self._engine, inside = socket.socketpair()
        self._engine.setblocking(False)
        self._inside = descriptors.hand_over(inside.detach())
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None

    def command(self, limits: Limits) -> Sequence[str]:
        """What waits at the gate, limits itself, and becomes the command in the arguments after.

        `-p` keeps the shell from reading anything that the environment names.
        """
        fd, limit = self._inside, _limit(limits)
        wait = f'echo >&{fd} && read -r -u {fd} && exec -- "$@" {fd}>&-'
        return ["bash", "-p", "-c", f"{limit} && {wait}", "sandbox"]

    def open_when_bound(self, root: Callable[[], int | None]) -> None:
        """Let the command in once `root` is bound: the ID of the sandbox's first process, asked
        for when the command is there (it is known by then, unless the start failed).

        Bubblewrap tells that ID only after it has bound itself to the engine.
        """
        self._loop.add_reader(self._engine, self._knocked, root)

    def close(self) -> None:
        """Give it up; a command that still waits ends."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._engine)
        self._engine.close()

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _knocked(self, root: Callable[[], int | None]) -> None:
        self._loop.remove_reader(self._engine)
        pid = root()
        if pid is not None:
            self._open(pid)

    def _open(self, root: int) -> None:
        with contextlib.suppress(OSError):  # it has ended
            if _bound(root):
                self._engine.send(b"\n")
            else:
                self._again = self._loop.call_later(_AGAIN_SECONDS, self._open, root)


def _bound(root: int) -> bool:
    """Whether the sandbox's first process is bound to its bubblewrap. Nothing shows that, but
    the seccomp filter does, which is the next thing that it takes on.

    Linux counts filters since 5.9. Before, being asked has to do: the process is the parent of
    the one that knocked, and had far less to do since.
    """
    its = _filters(root)
    return its is None or its > _inherited()


@functools.cache
def _inherited() -> int:
    """How many filters the engine is under, and with it all that it starts."""
    return _filters(os.getpid()) or 0


def _filters(pid: int) -> int | None:
    """How many seccomp filters a process is under; None where the kernel does not say."""
    found = _FILTERS.search(Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else None


def _limit(limits: Limits) -> str:
    """Sets the limits, soft and hard, in a shell that goes on as the command."""
    return (
        f"ulimit -u {limits.processes} -n {limits.open_files} -t {limits.cpu_seconds} -c 0"
        f" -d {limits.process_memory // _KIB} -f {limits.file_size // _KIB}"
    )
