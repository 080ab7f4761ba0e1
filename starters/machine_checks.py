"""What `cadre doctor` looks at on the machine itself."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cadre.domain.errors import CadreError
from starters.outcome import Check, fail, ok, warn

if TYPE_CHECKING:
    from cadre.runtime.settings import Settings

LITTLE_DISK = 2 * 1024**3
NO_DISK = 200 * 1024**2
DAY_SECONDS = 24 * 3600
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
# Locks and SQLite's write-ahead log need more of a file system than these promise.
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph"})


def machine_checks(settings: Settings) -> Iterator[Check]:
    """Everything that needs no service."""
    yield ok("Python", f"{platform.python_version()}, {sys.prefix}")
    yield _git()
    yield from _clock(time.time(), Path(__file__))
    yield from _state(settings)
    yield from proxy(os.environ)


def _git() -> Check:
    git = shutil.which("git")
    if git is None:
        advice = "agents cannot look at the history: install git"
        return warn("git", "not found", advice)
    version = subprocess.run([git, "--version"], capture_output=True, text=True, check=False)
    return ok("git", version.stdout.strip())


def _clock(now: float, file: Path) -> Iterator[Check]:
    """A clock that is behind the installation itself fails at certificates, far from the cause."""
    if now < file.stat().st_mtime - DAY_SECONDS:
        said = time.strftime("%Y-%m-%d", time.gmtime(now))
        found = f"it is {said}, which is before Cadre was installed"
        yield fail("clock", found, "set the clock: certificates are refused otherwise")


def _state(settings: Settings) -> Iterator[Check]:
    from cadre.runtime.locks import make_state_dir  # noqa: PLC0415

    directory = settings.state_dir
    try:
        make_state_dir(settings)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except (CadreError, OSError) as error:
        yield fail("state", str(error), "set CADRE_STATE_DIR to a directory that can be written")
        return
    kind = file_system(directory, Path("/proc/self/mounts"))
    if kind in REMOTE:
        found = f"{directory} is on a file system of the kind {kind}"
        yield warn("state", found, "set CADRE_STATE_DIR to a local disk: locks may not hold here")
    else:
        yield ok("state", f"{directory} can be written")
    yield disk(shutil.disk_usage(directory).free)


def file_system(directory: Path, mounts: Path) -> str | None:
    """The kind of file system that `directory` is on, None where the kernel does not tell."""
    if not mounts.exists():
        return None
    found = ("", "")
    for line in mounts.read_text().splitlines():
        _, point, kind, *_ = line.split(" ")
        path = point.encode().decode("unicode_escape")  # a space is written \040
        if directory.resolve().is_relative_to(path) and len(path) >= len(found[0]):
            found = (path, kind)
    return found[1] or None


def disk(free: int) -> Check:
    """Whether so many bytes will do."""
    found = f"{free / 1024**3:.1f} GB free"
    advice = "make room (docs/storage.md), or set CADRE_STATE_DIR to another disk"
    if free < NO_DISK:
        return fail("disk", found, advice)
    return warn("disk", found, advice) if free < LITTLE_DISK else ok("disk", found)


def proxy(environ: Mapping[str, str]) -> Iterator[Check]:
    """The way that model calls take, without the password that may be in it."""
    for name in PROXIES:
        if value := environ.get(name):
            host = urlsplit(value if "//" in value else f"//{value}").hostname
            yield ok("proxy", f"model calls go through {host} ({name})")
            return


def sandbox(settings: Settings) -> Check:
    """Which sandbox agents' commands get, and how to get a better one."""
    from cadre.tools.sandbox import Level, probe  # noqa: PLC0415
    from cadre.tools.sandbox.advice import LANDLOCK_GAPS  # noqa: PLC0415

    result = probe(read_only=settings.sandbox_read_only)
    reasons = "; ".join(result.reasons)
    if result.level is Level.BWRAP:
        return ok("sandbox", result.level.value)
    if result.level is Level.LANDLOCK:
        gaps = ", ".join(LANDLOCK_GAPS)
        found = f"{result.level.value}, which does not cover all (docs/security.md): {gaps}"
        return warn("sandbox", found, reasons)
    if settings.sandbox_insecure:
        return warn("sandbox", "none: CADRE_SANDBOX_INSECURE lets commands do anything", reasons)
    return fail("sandbox", "none", reasons)
