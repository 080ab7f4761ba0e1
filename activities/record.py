"""What outlives Temporal's retention: the events of a run and of its agents, as JSON."""

from __future__ import annotations

from temporalio import activity

from activities.errors import cadre_errors
from activities.heartbeat import beating
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.runs import RecordAgent, RecordRun
from cadre.domain.workspaces import Change, DescribeChange
from cadre.runtime.events.activities import FileChange
from cadre.runtime.events.recording import write_record
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.workspace import Workspaces


class RecordActivities:
    """Reads histories by the worker's own client and writes records to the object store."""

    def __init__(self, objects: Objects, workspaces: Workspaces) -> None:
        self._objects = objects
        self._workspaces = workspaces

    @activity.defn(name="record.agent")
    @cadre_errors
    async def record_agent(self, request: RecordAgent) -> None:
        """Write the record of an agent that has ended, with what it changed as diffs."""
        run, agent_id = request.run, request.agent_id
        async with beating():
            await write_record(activity.client(), self._objects, run, agent_id, self._describe)

    @activity.defn(name="record.run")
    @cadre_errors
    async def record_run(self, request: RecordRun) -> None:
        """Write the record of a run that is about to close; its result ends the record."""
        async with beating():
            await write_record(activity.client(), self._objects, request.run)

    async def _describe(self, done: FileChange) -> Change | None:
        """Store a tool call's change. Where the workspace is lost, the record goes without it."""
        call = done.call
        request = DescribeChange(
            workspace=call.workspace,
            snapshot=done.snapshot,
            since=call.snapshot,
            name=call.use.id,
        )
        try:
            described = await self._workspaces.describe(request)
        except CadreError as error:
            if error.kind is ErrorKind.WORKSPACE_LOST:
                return None
            raise
        key = keys.tool_change(call.run, call.agent_id, call.turn, call.use.id)
        await self._objects.put(key, described.diff)
        return Change(stat=described.stat, diff_key=key)
