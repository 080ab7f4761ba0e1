"""Processes by an identity that is never reused: PID, start time and boot of the machine."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

END_SECONDS = 2.0


def boot_id() -> str:
    """The machine's current boot; start times and the page cache do not outlive it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text.rpartition(")")[2].split()[19])


def end(pid: int, started: int) -> None:
    """Kill the process that has this PID and start time, if it lives, and wait for its end.

    The PID is held by a handle meanwhile, so no other process can be hit. Waits at most
    `END_SECONDS`.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if start_time(pid) != started:
            return
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], END_SECONDS)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
