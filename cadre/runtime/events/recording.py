"""Whole histories as events, and their records in the object store, which outlive Temporal's
retention."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import ValidationError
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter

from cadre.domain.outcomes import RunStatus
from cadre.domain.workspaces import Change
from cadre.runtime.events import types as e
from cadre.runtime.events.activities import FileChange
from cadre.runtime.events.history import HistoryReader
from cadre.runtime.events.types import EVENTS
from cadre.runtime.events.words import summary
from cadre.storage import keys
from cadre.storage.objects import Objects

# Stores what a tool call did to the files; None where they are not there any more.
Describe = Callable[[FileChange], Awaitable[Change | None]]


async def events_of(history: WorkflowHistory, converter: DataConverter) -> list[e.Event]:
    """The typed events of one workflow's history, in its order. Raises CadreError."""
    reader = HistoryReader(history.workflow_id, history.run_id, converter)
    read = [await reader.read(event) for event in history.events]
    return [event for event in read if event is not None]


async def record_of(
    history: WorkflowHistory, converter: DataConverter, describe: Describe | None = None
) -> list[e.Event]:
    """The events for a record that outlives the history; with `describe`, a tool call that changed
    files tells how.

    A run writes its record just before it closes, so its end is told by the result that the
    record's own activity was given. Raises CadreError.
    """
    reader = HistoryReader(history.workflow_id, history.run_id, converter)
    read = [await reader.read(event) for event in history.events]
    events = [event for event in read if event is not None]
    for number, event in enumerate(events):
        change = reader.changes.get(event.at.event_id)
        if describe and change and isinstance(event, e.ToolFinished):
            events[number] = event.model_copy(update={"change": await describe(change)})
    if events and reader.recorded and not isinstance(events[-1], e.RunEnded):
        cancelled = reader.recorded.status is RunStatus.CANCELLED
        close: e.Close = "cancelled" if cancelled else "completed"
        end = e.RunEnded(at=events[-1].at, close=close, result=reader.recorded)
        events.append(end.model_copy(update={"summary": summary(end)}))
    return events


async def write_record(
    client: Client, objects: Objects, run: str, agent_id: str = "", describe: Describe | None = None
) -> None:
    """Write the record of a run's own workflow, or of one of its agents. Of an agent that went on
    after it had ended, what was recorded then stays."""
    workflow_id = f"{run}/{agent_id}" if agent_id else run
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    events = await record_of(history, client.data_converter, describe)
    known = await _recorded(objects, run, agent_id)
    before = [event for event in known if event.at.run_id != history.run_id]
    await objects.put(keys.record(run, agent_id), EVENTS.dump_json([*before, *events]))


async def is_recorded(objects: Objects, run: str, agent_id: str, run_id: str) -> bool:
    """Whether the record of a workflow has the execution `run_id`, which is Temporal's. One that
    another version wrote, and that cannot be read, stays as it is."""
    try:
        return any(event.at.run_id == run_id for event in await _recorded(objects, run, agent_id))
    except ValidationError:
        return True


async def _recorded(objects: Objects, run: str, agent_id: str) -> list[e.Event]:
    return EVENTS.validate_json(await objects.get(keys.record(run, agent_id)) or b"[]")
