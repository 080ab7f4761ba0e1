"""What Temporal knows of an agent whose processes are killed, and when it was taken up again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from tests.chaos.stage import Stage

AGENT = "killed/builder.1"


@asynccontextmanager
async def staged(scenario: str | Path) -> AsyncIterator[tuple[Stage, Client]]:
    """A stage whose services run, and a client of its server."""
    with tempfile.TemporaryDirectory(prefix="cadre-recovery-") as directory:
        stage = Stage(Path(directory))
        with stage.home.up("--scenario", scenario) as services:
            yield stage, await Client.connect(services["address"])


async def history(client: Client) -> list[HistoryEvent]:
    """The builder's events."""
    return list((await client.get_workflow_handle(AGENT).fetch_history()).events)


async def restarted(client: Client) -> float:
    """When the attempt started that followed a lost one, in seconds since the epoch."""
    for event in await history(client):
        if event.activity_task_started_event_attributes.attempt > 1:
            return event.event_time.ToNanoseconds() / 1e9
    raise RuntimeError("nothing was tried again")


async def waiting_to_retry(client: Client) -> None:
    """Return when no worker holds the builder's model call, since it failed and is due again."""
    while True:
        found = await client.get_workflow_handle(AGENT).describe()
        for activity in found.raw_description.pending_activities:
            if activity.attempt > 1 and activity.state == PendingActivityState.Value(
                "PENDING_ACTIVITY_STATE_SCHEDULED"
            ):
                return
        await asyncio.sleep(0.01)


async def taken_up(client: Client) -> float:
    """From the end of the activity that was tried again until a worker has its result."""
    events = await history(client)
    again = next(
        n for n, e in enumerate(events) if e.activity_task_started_event_attributes.attempt > 1
    )
    ended = next(
        e for e in events[again:] if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
    )
    taken = [
        e
        for e in events[again:]
        if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
        and e.event_id > ended.event_id
    ]
    return (taken[0].event_time.ToNanoseconds() - ended.event_time.ToNanoseconds()) / 1e9


def process_of(identity: str) -> int:
    """The process ID in a worker's identity."""
    return int(identity.split()[1].partition("@")[0])
