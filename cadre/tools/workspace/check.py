"""Checks: a command run by the engine on a throw-away copy, and once more with the base's tests."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cadre.domain.workspaces import RunCheck
from cadre.tools.sandbox.types import Sandbox
from cadre.tools.workspace.entries import show
from cadre.tools.workspace.files import discard
from cadre.tools.workspace.guard import bent_files
from cadre.tools.workspace.home import GIT_ENVIRONMENT, Home, materialise
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.opening import Ran

MAX_CHANGED_TESTS = 50


@dataclass(frozen=True)
class Checked:
    """A check's outcomes; see `cadre.domain.workspaces.CheckResult`."""

    as_is: Ran
    with_base_tests: Ran | None
    changed_tests: tuple[str, ...]


async def check(request: RunCheck, home: Home, base: bytes, sandbox: Sandbox) -> Checked:
    """Run the check's command on its snapshot, and on the base's tests where they were changed."""
    snapshot = bytes.fromhex(request.snapshot)
    as_is = await _run(request, home, base, snapshot, sandbox)
    if not request.guard_tests:
        return Checked(as_is, None, ())
    guarded, changed = await asyncio.to_thread(_guarded, home, base, snapshot, request.command)
    names = tuple(show(path) for path in changed[:MAX_CHANGED_TESTS])
    if not changed:
        return Checked(as_is, None, ())
    return Checked(as_is, await _run(request, home, base, guarded, sandbox), names)


def _guarded(home: Home, base: bytes, snapshot: bytes, command: str) -> tuple[bytes, list[bytes]]:
    database = ObjectDatabase(home.repository)
    back, changed = bent_files(database.differences(base, snapshot), command)
    return database.graft(snapshot, back), changed


async def _run(request: RunCheck, home: Home, base: bytes, tree: bytes, sandbox: Sandbox) -> Ran:
    place = await asyncio.to_thread(_place, home)
    try:
        copy = place / "tree"
        await asyncio.to_thread(materialise, home, base, tree, copy, sandbox.owner)
        completed = await sandbox.run(
            ["bash", "-c", request.command],
            workspace=copy,
            writable=True,
            mounts=home.mounts,
            env=GIT_ENVIRONMENT,
            timeout=request.timeout_seconds,
        )
    finally:
        await asyncio.to_thread(discard, place, home.trash)
    return Ran(request.command, completed)


def _place(home: Home) -> Path:
    place = Path(tempfile.mkdtemp(prefix="check.", dir=home.path))
    place.chmod(0o755)
    return place
