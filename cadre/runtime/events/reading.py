"""Reading what has happened so far: a run's histories, and what its activities are at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from operator import itemgetter
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cadre.domain.base import Value
from cadre.runtime.events.decode import Decoder, reason
from cadre.runtime.events.history import HistoryReader
from cadre.runtime.events.types import Event, RunEnded

READS_AT_ONCE = 16


class Child(Value):
    """A child workflow that a history tells of."""

    workflow: str
    run_id: str


class Pending(Value):
    """An activity that has not ended. `text` is the end of what a model has written so far, in
    this attempt, of `output_chars` characters; `why` is how the attempt
    before this one failed, and `next_try` when this one begins (UTC), None once it has."""

    id: str
    activity: str
    attempt: int
    why: str = ""
    next_try: datetime | None = None
    text: str = ""
    output_chars: int = 0


async def read(
    client: Client,
    workflow: str,
    run_id: str,
    *,
    wait: bool,
    pause: Callable[[], float] = lambda: 0.0,
) -> AsyncIterator[Event | Child]:
    """One workflow's events and children; with `wait`, until it has closed. Raises RPCError.

    The server answers a waiting reader with the first event that there is. A `pause` between its
    answers, in seconds, lets more of them come in one, which costs the server and the reader less.
    """
    reader = HistoryReader(workflow, run_id, client.data_converter)
    handle = client.get_workflow_handle(workflow, run_id=run_id)
    pages = handle.fetch_history_events(wait_new_event=wait)
    async for raw in pages:
        if raw.HasField("child_workflow_execution_started_event_attributes"):
            child = raw.child_workflow_execution_started_event_attributes.workflow_execution
            yield Child(workflow=child.workflow_id, run_id=child.run_id)
        event = await reader.read(raw)
        if event is not None:
            yield event
        if wait and pages.current_page_index == len(pages.current_page or ()):
            await asyncio.sleep(pause())


async def events_so_far(client: Client, run: str, run_id: str) -> list[Event]:
    """All events of a run and its agents until now, by time; a RunEnded comes last.

    Raises RPCError (NOT_FOUND) where Temporal has no such run; an agent whose history is gone
    is left out.
    """
    places = asyncio.Semaphore(READS_AT_ONCE)

    async def collect(workflow: str, run_id: str) -> list[list[Event]]:
        events: list[Event] = []
        children: list[Child] = []
        async with places:
            async for item in read(client, workflow, run_id, wait=False):
                children.append(item) if isinstance(item, Child) else events.append(item)
        found = [events]
        for more in await asyncio.gather(*(agent(child) for child in children)):
            found += more
        return found

    async def agent(child: Child) -> list[list[Event]]:
        try:
            return await collect(child.workflow, child.run_id)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return []
            raise

    return in_order(await collect(run, run_id))


def in_order(histories: Iterable[Sequence[Event]]) -> list[Event]:
    """The events of several workflows by time, each workflow's in its own order; a RunEnded comes
    last. A history's times may go back a little where its numbers go on."""
    keyed = []
    for history in histories:
        times = accumulate((event.at.time for event in history), max)
        keyed += [
            ((isinstance(event, RunEnded), time, event.at.workflow), event)
            for event, time in zip(history, times, strict=True)
        ]
    return [event for _, event in sorted(keyed, key=itemgetter(0))]


async def pending(client: Client, workflow: str) -> list[Pending]:
    """What the activities of an open workflow are at. Raises RPCError."""
    described = await client.get_workflow_handle(workflow).describe()
    decoder = Decoder(workflow, client.data_converter)
    found = []
    for activity in described.raw_description.pending_activities:
        beat = await decoder.first(activity.heartbeat_details.payloads, dict[str, Any]) or {}
        if beat.get("attempt", activity.attempt) != activity.attempt:
            beat = {}  # Temporal keeps the last one until there is another
        found.append(
            Pending(
                id=activity.activity_id,
                activity=activity.activity_type.name,
                attempt=activity.attempt,
                why=reason(activity.last_failure),
                next_try=_next_try(activity),
                text=str(beat.get("text", "")),
                output_chars=int(beat.get("output_chars", 0)),
            )
        )
    return found


def _next_try(activity: PendingActivityInfo) -> datetime | None:
    waiting = activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    if not (waiting and activity.HasField("next_attempt_schedule_time")):
        return None
    return activity.next_attempt_schedule_time.ToDatetime(tzinfo=UTC)
