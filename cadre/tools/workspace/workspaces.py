"""All workspaces of a state directory."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cadre.domain.integration import (
    BranchOrder,
    FindMarkers,
    Markers,
    MergeBranches,
    Merged,
    OrderBranches,
)
from cadre.domain.workspaces import (
    CommitChange,
    Deliver,
    Delivery,
    DescribeChange,
    OpenWorkspace,
    RunCheck,
    Workspace,
)
from cadre.tools.sandbox.types import Sandbox
from cadre.tools.workspace import change, integrate, opening
from cadre.tools.workspace.changed import changed_paths
from cadre.tools.workspace.check import Checked, check
from cadre.tools.workspace.deliver import deliver
from cadre.tools.workspace.files import discard, remove_tree
from cadre.tools.workspace.home import Home, open_home
from cadre.tools.workspace.lease import Lease, View, begin, end_holder, find_view
from cadre.tools.workspace.objects import ObjectDatabase, isolate_libgit2
from cadre.tools.workspace.opening import Opened
from cadre.tools.workspace.scan import Seen
from cadre.tools.workspace.steps import Holder, Steps

R = TypeVar("R")
T = TypeVar("T")

# What is remembered of scanned directories, in files of all of them together.
MAX_SEEN_FILES = 400_000


class Workspaces:
    """The runs' files below `state_dir`, with commands run in `sandbox`.

    Several processes may use one state directory. What is slow runs in threads. Every method
    raises CadreError: WRONG_INPUT for what the user can put right, WORKSPACE_LOST where a
    workspace or an object of it is not on this machine.
    """

    def __init__(self, state_dir: Path, sandbox: Sandbox) -> None:
        isolate_libgit2()
        self._state = state_dir.resolve()
        self._sandbox = sandbox
        self._seen: dict[Path, Seen] = {}
        self._lock = threading.Lock()

    async def open(self, request: OpenWorkspace) -> Opened:
        """Open a workspace, or find it as it was opened before; a failed setup is a result."""
        home = Home.of(self._state, request.run, request.name)
        cache = self._state / "cache" / "setup"
        return await opening.open_workspace(request, home, self._sandbox, cache)

    async def begin(
        self, workspace: Workspace, snapshot: str, call_id: str, attempt: int = 1
    ) -> Lease:
        """Start a call that writes, in a directory that holds `snapshot` exactly.

        Whoever held the workspace is ended; calls on one workspace must follow each other. Raises
        SupersededError where a later attempt of the same call holds it.
        """
        holder = Holder(call=call_id, attempt=attempt)
        return await asyncio.to_thread(self._begin, workspace, snapshot, holder)

    async def view(self, workspace: Workspace, snapshot: str) -> View:
        """A directory that holds `snapshot`, to be shown read-only."""
        home = open_home(self._state, workspace)
        base, owner = await asyncio.to_thread(_base_tree, home, workspace), self._sandbox.owner
        return View(await asyncio.to_thread(find_view, home, base, snapshot, owner), home.mounts)

    async def check(self, request: RunCheck) -> Checked:
        """Run a command on throw-away copies of a snapshot."""
        home = open_home(self._state, request.workspace)
        base = await asyncio.to_thread(_base_tree, home, request.workspace)
        return await check(request, home, base, self._sandbox)

    async def describe(self, request: DescribeChange) -> change.Described:
        """How a snapshot differs from another one, or from the workspace's base."""
        return await asyncio.to_thread(self._describe, request)

    async def find_changed(
        self, workspace: Workspace, old: str, new: str, wanted: Callable[[str], str | None]
    ) -> str | None:
        """What `wanted` says of the first path that differs between two snapshots and that it has
        anything to say of."""
        return await asyncio.to_thread(self._find_changed, workspace, old, new, wanted)

    async def commit(self, request: CommitChange) -> str:
        """Commit a snapshot; the commit's ID, which is an only parent's where nothing changed."""
        return await self._in_repository(request.workspace, change.commit, request)

    async def order(self, request: OrderBranches) -> BranchOrder:
        """The order in which to integrate branches."""
        return await self._in_repository(request.workspace, integrate.order_branches, request)

    async def merge(self, request: MergeBranches) -> Merged:
        """Merge two commits into a snapshot; conflicts are a result."""
        return await self._in_repository(request.workspace, integrate.merge_branches, request)

    async def find_markers(self, request: FindMarkers) -> Markers:
        """The files of a snapshot in which conflict markers are left."""
        return await self._in_repository(request.workspace, integrate.find_markers, request)

    async def deliver(self, request: Deliver) -> Delivery:
        """Bring a commit into the user's repository as a branch; CadreError DELIVERY if it
        cannot be."""
        return await asyncio.to_thread(self._deliver, request)

    async def close(self, run: str) -> None:
        """End what still runs in the workspaces of `run`, and remove them; gone is fine."""
        await asyncio.to_thread(self._close, Home.of(self._state, run, "main").run_path)

    async def on_disk(self) -> tuple[str, ...]:
        """The runs that have files here, for a reaper to compare with those that live."""
        return await asyncio.to_thread(self._runs)

    async def _in_repository(
        self, workspace: Workspace, do: Callable[[ObjectDatabase, R], T], request: R
    ) -> T:
        """Do something that needs nothing but the objects of the run."""
        home = open_home(self._state, workspace)
        return await asyncio.to_thread(lambda: do(ObjectDatabase(home.repository), request))

    def _begin(self, workspace: Workspace, snapshot: str, holder: Holder) -> Lease:
        home = open_home(self._state, workspace)
        base = _base_tree(home, workspace)
        step = begin(home, base, snapshot, holder, self._sandbox.owner)
        seen = self._remembered(home.tree(step.generation))
        return Lease(home, step, bytes.fromhex(snapshot), seen)

    def _describe(self, request: DescribeChange) -> change.Described:
        home = open_home(self._state, request.workspace)
        since = bytes.fromhex(request.since or "") or _base_tree(home, request.workspace)
        new = bytes.fromhex(request.snapshot)
        return change.describe(ObjectDatabase(home.repository), since, new)

    def _find_changed(
        self, workspace: Workspace, old: str, new: str, wanted: Callable[[str], str | None]
    ) -> str | None:
        database = ObjectDatabase(open_home(self._state, workspace).repository)
        paths = changed_paths(database, bytes.fromhex(old), bytes.fromhex(new))
        said = (wanted(path.decode("utf-8", "surrogateescape")) for path in paths)
        return next((word for word in said if word is not None), None)

    def _deliver(self, request: Deliver) -> Delivery:
        home = open_home(self._state, request.workspace)
        database = ObjectDatabase(home.repository)
        base, commit = request.workspace.base, request.commit
        deliver(database, request.repo, base, commit, request.branch, before=request.before)
        tree = database.commit(request.commit).tree.id.raw
        described = change.describe(database, _base_tree(home, request.workspace), tree)
        return Delivery(branch=request.branch, commit=request.commit, stat=described.stat)

    def _close(self, run_path: Path) -> None:
        for steps in run_path.glob("*/steps"):
            end_holder(Steps(steps).last())
        trash = self._state / "trash"
        trash.mkdir(parents=True, exist_ok=True)
        if run_path.exists():
            discard(run_path, trash)
        for left in trash.iterdir():  # by a process that still wrote to it, or by a death
            with contextlib.suppress(OSError):
                remove_tree(left)
        with self._lock:
            for path in [path for path in self._seen if path.is_relative_to(run_path)]:
                del self._seen[path]

    def _runs(self) -> tuple[str, ...]:
        runs = self._state / "runs"
        return tuple(sorted(path.name for path in runs.iterdir())) if runs.is_dir() else ()

    def _remembered(self, directory: Path) -> Seen:
        """What was seen of a directory; the longest unused are forgotten."""
        with self._lock:
            seen = self._seen.pop(directory, None) or Seen()
            self._seen[directory] = seen
            total = sum(len(other.files) for other in self._seen.values())
            for path in list(self._seen)[:-1]:
                if total <= MAX_SEEN_FILES:
                    break
                total -= len(self._seen.pop(path).files)
        return seen


def _base_tree(home: Home, workspace: Workspace) -> bytes:
    return ObjectDatabase(home.repository).commit(workspace.base).tree.id.raw
