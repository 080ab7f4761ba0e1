"""A run's events as they happen, from the histories of its workflow and of its agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from temporalio.client import Client

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.events.cursor import Cursor
from cadre.runtime.events.looks import Looks
from cadre.runtime.events.polling import Polling
from cadre.runtime.events.reading import events_so_far
from cadre.runtime.events.types import Event, RunEnded

STRAGGLER_SECONDS = 3.0
# How often is looked at what is being written: this long for each workflow that is looked at, and
# for this part of the time at most.
LOOK_SECONDS = 0.4
LOOK_SHARE = 0.2


async def follow(
    client: Client, run: str, run_id: str, *, live: bool = False
) -> AsyncIterator[Event]:
    """The events of a run and its agents: those so far by time, then each as it happens.

    Ends after RunEnded. With `live` there are also events that no history has: what models are
    writing, and what waits to be tried again. Raises RPCError (NOT_FOUND) for an unknown run,
    CadreError where the server stays away.
    """
    cursor, looks = Cursor(), Looks(client)
    for event in await events_so_far(client, run, run_id):
        if cursor.advance(event):
            looks.heard(event)
            yield event
        if isinstance(event, RunEnded):
            return
    # None says that a task has ended.
    queue: asyncio.Queue[Event | None] = asyncio.Queue()
    polling = Polling(client, queue)
    looking = asyncio.create_task(_look(looks, queue)) if live else None
    try:
        polling.watch(run, run_id)
        async for event in _events(polling, queue):
            if cursor.advance(event):
                looks.heard(event)
                yield event
    finally:
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        await polling.close()


async def _events(polling: Polling, queue: asyncio.Queue[Event | None]) -> AsyncIterator[Event]:
    """All events in the order of their arrival; the run's end waits for its agents'."""
    ended: RunEnded | None = None
    while not (polling.idle and queue.empty()):
        try:
            async with asyncio.timeout(STRAGGLER_SECONDS if ended else None):
                event = await queue.get()
        except TimeoutError:
            break
        if isinstance(event, RunEnded):
            ended = event
        elif event is not None and not (ended and not event.at.event_id):
            yield event
    if ended is None:
        raise CadreError(ErrorKind.WRONG_INPUT, "the run was deleted while it was watched")
    yield ended


async def _look(looks: Looks, queue: asyncio.Queue[Event | None]) -> None:
    """Look again and again; the slower the server, the more seldom."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        async for event in looks.look():
            queue.put_nowait(event)
        took = loop.time() - began
        await asyncio.sleep(max(LOOK_SECONDS * looks.at_once, took / LOOK_SHARE))
