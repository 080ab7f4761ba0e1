"""What outlives Temporal's retention: the events of a run and of its agents, as JSON."""

from __future__ import annotations

from temporalio import activity

from activities.errors import cadre_errors
from activities.heartbeat import beating
from cadre.domain.runs import RecordAgent, RecordRun
from cadre.runtime.events.recording import write_record
from cadre.storage.objects import Objects


class RecordActivities:
    """Reads histories by the worker's own client and writes records to the object store."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @activity.defn(name="record.agent")
    @cadre_errors
    async def record_agent(self, request: RecordAgent) -> None:
        """Write the record of an agent that has ended."""
        async with beating():
            await write_record(activity.client(), self._objects, request.run, request.agent_id)

    @activity.defn(name="record.run")
    @cadre_errors
    async def record_run(self, request: RecordRun) -> None:
        """Write the record of a run that is about to close; its result ends the record."""
        async with beating():
            await write_record(activity.client(), self._objects, request.run)
