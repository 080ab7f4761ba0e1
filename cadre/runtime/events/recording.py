"""Records: a workflow's events in the object store, where they outlive Temporal's retention."""

from __future__ import annotations

from temporalio.client import Client

from cadre.runtime.events.history import record_of
from cadre.runtime.events.types import EVENTS
from cadre.storage import keys
from cadre.storage.objects import Objects

RUN = "run"


async def write_record(client: Client, objects: Objects, run: str, agent_id: str = "") -> None:
    """Write the record of a run's own workflow, or of one of its agents."""
    workflow_id = f"{run}/{agent_id}" if agent_id else run
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    events = await record_of(history, client.data_converter)
    await objects.put(keys.record(run, agent_id or RUN), EVENTS.dump_json(events))
