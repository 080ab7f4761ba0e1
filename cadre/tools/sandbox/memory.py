"""How much memory a process tree holds: resource limits bound each process, not their sum."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

INTERVAL_SECONDS = 0.25
PAGE = os.sysconf("SC_PAGE_SIZE")


def prefer_as_victim(pid: int) -> None:
    """Have the kernel take this process and its children first when memory runs out."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


async def over_limit(pid: int, limit: int) -> None:
    """Return once `pid` and its descendants hold more than `limit` bytes; never before."""
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        if await asyncio.to_thread(_holds_more, pid, limit):
            return


def _holds_more(pid: int, limit: int) -> bool:
    pids = _tree(pid)
    if sum(map(_resident, pids)) <= limit:
        return False
    # Pages that processes share were counted for each of them; this is exact but costs more.
    return sum(map(_proportional, pids)) > limit


def _tree(pid: int) -> list[int]:
    found, frontier = [], [pid]
    while frontier:
        current = frontier.pop()
        found.append(current)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{current}/task").iterdir():
                frontier += map(int, (task / "children").read_text().split())
    return found


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
