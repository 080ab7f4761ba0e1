"""A run's workspaces: open, check, describe, commit, integrate, deliver, close."""

from __future__ import annotations

from temporalio import activity

from activities.errors import cadre_errors
from activities.heartbeat import beating
from cadre.domain.integration import (
    BranchOrder,
    FindMarkers,
    Markers,
    MergeBranches,
    Merged,
    OrderBranches,
)
from cadre.domain.workspaces import (
    Change,
    CheckResult,
    CommandOutcome,
    CommitChange,
    Deliver,
    Delivery,
    DescribeChange,
    OpenedWorkspace,
    OpenWorkspace,
    RunCheck,
)
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.workspace import Ran, Workspaces

MAX_TAIL_CHARS = 2000


class WorkspaceActivities:
    """Activities on the workspaces of one state directory.

    All of them can be repeated: what an attempt left is found, finished or replaced.
    """

    def __init__(self, workspaces: Workspaces, objects: Objects) -> None:
        self._workspaces = workspaces
        self._objects = objects

    @activity.defn(name="workspace.open")
    @cadre_errors
    async def open(self, request: OpenWorkspace) -> OpenedWorkspace:
        """Open a workspace; a failed setup is part of the result."""
        async with beating():
            opened = await self._workspaces.open(request)
            setup = None
            if opened.setup is not None:
                setup = await self._outcome(opened.setup, request.run, f"{request.name}.setup")
            return OpenedWorkspace(
                workspace=opened.workspace,
                sandbox=opened.sandbox,
                notes=opened.notes,
                setup=setup,
            )

    @activity.defn(name="workspace.check")
    @cadre_errors
    async def check(self, request: RunCheck) -> CheckResult:
        """Run a command on a throw-away copy; a command that fails is a result."""
        async with beating():
            checked = await self._workspaces.check(request)
            run = request.workspace.run
            again = None
            if checked.with_base_tests is not None:
                name = f"{request.name}.base-tests"
                again = await self._outcome(checked.with_base_tests, run, name)
            return CheckResult(
                as_is=await self._outcome(checked.as_is, run, request.name),
                with_base_tests=again,
                changed_tests=checked.changed_tests,
            )

    @activity.defn(name="workspace.describe")
    @cadre_errors
    async def describe(self, request: DescribeChange) -> Change:
        """Store how a snapshot differs from the base."""
        async with beating():
            described = await self._workspaces.describe(request)
            key = keys.diff(request.workspace.run, request.name)
            await self._objects.put(key, described.diff)
            return Change(stat=described.stat, diff_key=key)

    @activity.defn(name="workspace.commit")
    @cadre_errors
    async def commit(self, request: CommitChange) -> str:
        """Commit a snapshot; an only parent's ID where nothing changed."""
        async with beating():
            return await self._workspaces.commit(request)

    @activity.defn(name="workspace.order")
    @cadre_errors
    async def order(self, request: OrderBranches) -> BranchOrder:
        """Find the order in which to integrate branches."""
        async with beating():
            return await self._workspaces.order(request)

    @activity.defn(name="workspace.merge")
    @cadre_errors
    async def merge(self, request: MergeBranches) -> Merged:
        """Merge two commits into a snapshot; conflicts are a result."""
        async with beating():
            return await self._workspaces.merge(request)

    @activity.defn(name="workspace.find_markers")
    @cadre_errors
    async def find_markers(self, request: FindMarkers) -> Markers:
        """Find what a resolver of conflicts has left."""
        async with beating():
            return await self._workspaces.find_markers(request)

    @activity.defn(name="workspace.deliver")
    @cadre_errors
    async def deliver(self, request: Deliver) -> Delivery:
        """Bring a commit into the user's repository as a branch."""
        async with beating():
            return await self._workspaces.deliver(request)

    @activity.defn(name="workspace.close")
    @cadre_errors
    async def close(self, run: str) -> None:
        """Remove a run's workspaces."""
        async with beating():
            await self._workspaces.close(run)

    async def _outcome(self, ran: Ran, run: str, name: str) -> CommandOutcome:
        """Store a command's output and return how it ended."""
        done = ran.completed
        text = done.output.decode(errors="replace")
        if done.out_of_memory:
            text += "\n[ended by the engine: out of memory]\n"
        key = keys.output(run, name)
        await self._objects.put(key, text)
        return CommandOutcome(
            command=ran.command,
            exit_code=done.exit_code,
            timed_out=done.timed_out,
            seconds=done.seconds,
            tail=text[-MAX_TAIL_CHARS:],
            output_key=key,
        )
