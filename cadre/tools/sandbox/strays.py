"""Sandboxes that outlived the engine that started them.

Bubblewrap binds the sandbox's first process to itself, and itself to the engine, only when it has
set everything up. Whoever is killed within these milliseconds leaves a sandbox behind that nobody
bounds any more. So each bubblewrap carries its engine's identity as its name, for others to see
that the engine is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

_NAME = "cadre-sandbox"


def name() -> str:
    """What a bubblewrap of this engine is called, and the first process of its sandbox with it."""
    return _name_of(os.getpid())


def end_strays() -> int:
    """Kill the sandboxes of engines that are gone, on the whole machine; how many they were."""
    numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return sum(_end(pid, lambda found: not _lives(found)) for pid in numbers)


def end_own(pid: int) -> None:
    """Kill process `pid` if it is a bubblewrap of this engine, or the first of its sandbox."""
    mine = name()
    _end(pid, lambda found: found == mine)


def _end(pid: int, wanted: Callable[[str], bool]) -> bool:
    """Kill process `pid` if it is a sandbox's and its name is wanted."""
    with contextlib.suppress(OSError):  # it has ended, or belongs to somebody else
        handle = os.pidfd_open(pid)  # holds the ID meanwhile
        try:
            found = _called(pid)
            if found.startswith(f"{_NAME} ") and wanted(found):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            os.close(handle)
    return False


def _called(pid: int) -> str:
    return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0])


def _lives(found: str) -> bool:
    """Whether the engine of that name still runs."""
    with contextlib.suppress(OSError):
        return found == _name_of(int(found.split()[1]))
    return False


def _name_of(engine: int) -> str:
    """A process ID is used again some day; with the time of its start it is not."""
    status = Path(f"/proc/{engine}/stat").read_text()
    return f"{_NAME} {engine} {status.rpartition(')')[2].split()[19]}"
