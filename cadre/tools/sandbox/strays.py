"""What is left of sandboxes whose engine is gone.

An engine that is killed leaves no command running: the kernel ends those that run, and one that
starts waits at its gate (see `gate`), where it ends by itself. But a bubblewrap that is killed
after it has made its sandbox's first process, and before it lets that go on, leaves one that
waits for ever and does nothing. So each bubblewrap carries its engine's identity as its name, and
that process with it, for others to see that the engine is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

_NAME = "cadre-sandbox"
# States of a process that has ended, although nobody may have collected it.
DEAD = "ZX"
# How often to look for more, and how long one that was killed may take to go.
PASSES = 5
GRACE_SECONDS = 1.0


def name() -> str:
    """What a bubblewrap of this engine is called, and the first process of its sandbox with it."""
    return _name_of(os.getpid())


def end_strays() -> int:
    """Kill the sandboxes of engines that are gone, on the whole machine, and wait for their end;
    returns how many processes that were.

    While it looks around, what it has passed by may become a sandbox, or one that it kills may
    just have made another. So it looks again until it finds none.
    """
    ended = 0
    for _ in range(PASSES):
        numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        found = sum(_end(pid, lambda found: not _lives(found), GRACE_SECONDS) for pid in numbers)
        if not found:
            break
        ended += found
    return ended


def end_own(pid: int) -> None:
    """Kill process `pid` if it is a bubblewrap of this engine, or the first of its sandbox."""
    mine = name()
    _end(pid, lambda found: found == mine)


def _end(pid: int, wanted: Callable[[str], bool], wait: float = 0) -> bool:
    """Kill process `pid` if it is a sandbox's and its name is wanted, and give it so many seconds
    to go."""
    with contextlib.suppress(OSError):  # it has ended, or belongs to somebody else
        handle = os.pidfd_open(pid)  # holds the ID meanwhile
        try:
            found = _called(pid)
            if found.startswith(f"{_NAME} ") and wanted(found):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                _await_end(handle, wait)
                return True
        finally:
            os.close(handle)
    return False


def _await_end(handle: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll(seconds * 1000)


def _called(pid: int) -> str:
    return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0])


def _lives(found: str) -> bool:
    """Whether the engine of that name still runs."""
    with contextlib.suppress(OSError):
        engine = int(found.split()[1])
        return found == _name_of(engine) and _status(engine)[0] not in DEAD
    return False


def _name_of(engine: int) -> str:
    """A process ID is used again some day; with the time of its start it is not."""
    return f"{_NAME} {engine} {_status(engine)[19]}"


def _status(pid: int) -> list[str]:
    """The kernel's words on a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
