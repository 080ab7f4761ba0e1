"""What outlives Temporal's retention: the events of a run and of its agents, as JSON."""

from __future__ import annotations

from temporalio import activity

from activities.errors import cadre_errors
from activities.heartbeat import beating
from cadre.domain.runs import RecordAgent, RecordRun
from cadre.runtime.events import EVENTS, record_of
from cadre.storage import keys
from cadre.storage.objects import Objects


class RecordActivities:
    """Reads histories by the worker's own client and writes records to the object store."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @activity.defn(name="record.agent")
    @cadre_errors
    async def record_agent(self, request: RecordAgent) -> None:
        """Write the record of an agent that has ended."""
        await self._record(f"{request.run}/{request.agent_id}", request.run, request.agent_id)

    @activity.defn(name="record.run")
    @cadre_errors
    async def record_run(self, request: RecordRun) -> None:
        """Write the record of a run that is about to close; its result ends the record."""
        await self._record(request.run, request.run, "run")

    async def _record(self, workflow_id: str, run: str, name: str) -> None:
        client = activity.client()
        async with beating():
            history = await client.get_workflow_handle(workflow_id).fetch_history()
            events = await record_of(history, client.data_converter)
            await self._objects.put(keys.record(run, name), EVENTS.dump_json(events))
