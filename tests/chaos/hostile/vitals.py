"""Processes outside, and what may have become of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cadre.tools.sandbox.host import UNPRIVILEGED_ID


@dataclass(frozen=True)
class Vitals:
    """What other processes might change of a process."""

    started: str
    stopped: bool
    nice: int
    traced: str
    limits: str
    victim_of_memory: str
    cpus: frozenset[int]

    @classmethod
    def of(cls, pid: int) -> Vitals | None:
        """Of a process; None where there is none."""
        proc = Path(f"/proc/{pid}")
        try:
            fields = (proc / "stat").read_text().rpartition(")")[2].split()
            return cls(
                started=fields[19],
                stopped=fields[0] in "TtZX",
                nice=int(fields[16]),
                traced=re.findall(r"TracerPid:\s*(\d+)", (proc / "status").read_text())[0],
                limits=(proc / "limits").read_text(),
                victim_of_memory=(proc / "oom_score_adj").read_text(),
                cpus=frozenset(os.sched_getaffinity(pid)),
            )
        except (FileNotFoundError, ProcessLookupError):
            return None


def a_victim(canary: str) -> subprocess.Popen[bytes]:
    """A process outside, of the very user that sandboxed commands are, with a secret."""
    user = UNPRIVILEGED_ID if os.geteuid() == 0 else None
    environment = {"SECRET": canary, "PATH": os.environ["PATH"]}
    return subprocess.Popen(["sleep", "3600"], env=environment, cwd="/", user=user, group=user)


def running(marker: str) -> Iterator[str]:
    """The command lines that hold a marker."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if marker.encode() in line:
            yield line.replace(b"\0", b" ").decode(errors="replace")[:200]
