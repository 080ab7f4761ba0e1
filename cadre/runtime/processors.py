"""How many processors this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

# What a container may use of its host's processors: microseconds of a period, or `max`.
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_processors(quota: Path = QUOTA) -> int:
    """The processors that the kernel lets this process run on, or fewer where a cgroup's quota
    allows for no more; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, _allowed(quota) or count))


def _allowed(quota: Path) -> int | None:
    """The processors that a quota amounts to, rounded up; None where there is none."""
    try:
        limit, period = quota.read_text().split()
    except (OSError, ValueError):
        return None
    return None if limit == "max" else math.ceil(int(limit) / int(period))
