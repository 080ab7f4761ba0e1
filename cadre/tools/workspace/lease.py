"""One call's right to write: from a known snapshot to the next, or not at all.

A call takes the current directory in place when that holds the snapshot exactly and nobody
writes to it. Otherwise an earlier attempt died there, or still lives: its process is ended, its
directory thrown away, and the call gets a fresh one. So an attempt never shares a directory with
the one that it replaces, and what was left behind can do no harm when it wakes up. To roll back
a call, do not finish its lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.sandbox.types import Mount
from cadre.tools.workspace import processes
from cadre.tools.workspace.files import discard
from cadre.tools.workspace.home import GIT_ENVIRONMENT, Home, ensure_git_file, materialise
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.scan import Seen, scan
from cadre.tools.workspace.steps import Holder, Step, Steps


class SupersededError(CadreError):
    """Another attempt has taken over; whatever this one did is void."""

    def __init__(self) -> None:
        super().__init__(
            ErrorKind.SUPERSEDED, "another attempt of this call has taken over the workspace"
        )


@dataclass(frozen=True)
class View:
    """A directory to read: show it at the workspace's path, read-only, with these mounts."""

    path: Path
    mounts: tuple[Mount, ...]

    @property
    def env(self) -> Mapping[str, str]:
        """What git needs in the sandbox's environment."""
        return GIT_ENVIRONMENT


class Lease(View):
    """A directory to write to, and the way to keep what was written."""

    def __init__(self, home: Home, step: Step, start: bytes, seen: Seen) -> None:
        super().__init__(home.tree(step.generation), home.mounts)
        self._home = home
        self._steps = Steps(home.steps)
        self._held = [step]  # the newest step that this lease made
        self._start = start
        self._seen = seen

    def started(self, pid: int) -> None:
        """Record the sandbox's process, so that a successor can end it.

        Raises SupersededError, and kills the process, if there is a successor already.
        """
        born = processes.start_time(pid)
        last = self._held[-1]
        if last.holder is None or born is None:
            return
        holder = last.holder.model_copy(update={"pid": pid, "started": born})
        step = self._steps.take(last, generation=last.generation, holder=holder, clean=None)
        if step is None:
            processes.end(pid, born)
            raise SupersededError
        self._held.append(step)

    async def snapshot(self) -> str:
        """Store the directory's state and return its tree's ID.

        Raises RefusedError where it holds what cannot be kept: then do not finish, and tell the
        agent. Nothing may be running in it any more.
        """
        return await asyncio.to_thread(self._snapshot)

    async def finish(self, tree: str) -> None:
        """Make `tree`, which `snapshot` returned, the workspace's state; ends the lease."""
        await asyncio.to_thread(self._finish, tree)

    def _snapshot(self) -> str:
        database = ObjectDatabase(self._home.repository)
        try:
            tree = scan(self.path, self._start, database, self._seen, self._home.cache())
        except FileNotFoundError:
            if self._steps.last().number != self._held[-1].number:
                raise SupersededError from None
            raise
        return tree.hex()

    def _finish(self, tree: str) -> None:
        last = self._held[-1]
        step = self._steps.take(last, generation=last.generation, holder=None, clean=tree)
        if step is None:
            raise SupersededError
        self._held.append(step)


def begin(home: Home, base: bytes, snapshot: str, holder: Holder, owner: int | None) -> Step:
    """Take the workspace for `holder` in the state `snapshot`, ending whoever had it.

    Raises SupersededError where a later attempt of the same call has it: a worker that stood still
    begins what it was given then, though nobody waits for it any more.
    """
    steps = Steps(home.steps)
    step = None
    while step is None:  # ends: an earlier holder has few steps left to make
        last = steps.last()
        had = last.holder
        if had is not None and had.call == holder.call and had.attempt > holder.attempt:
            raise SupersededError
        in_place = _holds(home, last, snapshot)
        generation = last.generation if in_place else last.number + 1
        step = steps.take(last, generation=generation, holder=holder, clean=None)
    directory = home.tree(generation)
    if not in_place:
        end_holder(last)
        discard(home.tree(last.generation), home.trash)
        materialise(home, base, bytes.fromhex(snapshot), directory, owner)
    ensure_git_file(directory, home.git_file)
    return step


def find_view(home: Home, base: bytes, snapshot: str, owner: int | None) -> Path:
    """A directory that holds `snapshot` and that nobody writes to now."""
    if snapshot == base.hex():
        return home.prepared
    last = Steps(home.steps).last()
    if _holds(home, last, snapshot):
        ensure_git_file(home.tree(last.generation), home.git_file)
        return home.tree(last.generation)
    view = home.path / f"view.{snapshot}"
    if not view.is_dir():
        materialise(home, base, bytes.fromhex(snapshot), view, owner)
    return view


def end_holder(step: Step) -> None:
    """Kill the process of the step's holder, if it still lives."""
    if step.holder and step.holder.pid is not None and step.holder.started is not None:
        processes.end(step.holder.pid, step.holder.started)


def _holds(home: Home, step: Step, snapshot: str) -> bool:
    return step.holder is None and step.clean == snapshot and home.tree(step.generation).is_dir()
