"""A run's events as they happen, from the histories of its workflow and of its agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.events.reading import Child, events_so_far, read
from cadre.runtime.events.types import Event, RunEnded

# Each long poll takes one of the server's places, which it shares with every other client.
AGENTS_AT_ONCE = 32
# How long a server that went away is waited for, and agents that outlive their run.
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.5
STRAGGLER_SECONDS = 3.0
AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNKNOWN)

# For each workflow, as (workflow, run ID), the ID of the last event that was seen.
Positions = Mapping[tuple[str, str], int]


async def follow(
    client: Client, run: str, run_id: str, after: Positions | None = None
) -> AsyncIterator[Event]:
    """The events of a run and its agents: those so far by time, then each as it happens.

    Ends after RunEnded. `after` leaves out what was seen before. Raises RPCError (NOT_FOUND) for
    an unknown run, CadreError where the server stays away.
    """
    seen = dict(after or {})
    for event in await events_so_far(client, run, run_id):
        if _advance(seen, event):
            yield event
        if isinstance(event, RunEnded):
            return
    hub = _Hub(client, seen)
    try:
        hub.watch(run, run_id)
        async for event in hub.events():
            yield event
    finally:
        await hub.close()


def _advance(seen: dict[tuple[str, str], int], event: Event) -> bool:
    """Whether `event` is new; it counts as seen from now on."""
    at = event.at
    if at.event_id <= seen.get((at.workflow, at.run_id), 0):
        return False
    seen[at.workflow, at.run_id] = at.event_id
    return True


class _Hub:
    """Long polls on the run and on its agents, in one queue."""

    def __init__(self, client: Client, seen: dict[tuple[str, str], int]) -> None:
        self._client = client
        self._seen = seen
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AGENTS_AT_ONCE + 1)
        # None says that a task has ended.
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()

    def watch(self, workflow: str, run_id: str) -> None:
        """Follow one more workflow."""
        if (workflow, run_id) not in self._tasks:
            task = asyncio.create_task(self._follow(workflow, run_id))
            task.add_done_callback(lambda _: self._queue.put_nowait(None))
            self._tasks[workflow, run_id] = task

    async def events(self) -> AsyncIterator[Event]:
        """All events in the order of their arrival; the run's end waits for its agents'."""
        ended: RunEnded | None = None
        while not (self._idle() and self._queue.empty()):
            try:
                async with asyncio.timeout(STRAGGLER_SECONDS if ended else None):
                    event = await self._queue.get()
            except TimeoutError:
                break
            if isinstance(event, RunEnded):
                ended = event
            elif event is not None:
                yield event
        if ended is None:
            raise CadreError(ErrorKind.WRONG_INPUT, "the run was deleted while it was watched")
        yield ended

    def _idle(self) -> bool:
        """Whether all tasks have ended. Raises what the first failed one raised."""
        done = [task for task in self._tasks.values() if task.done()]
        for task in done:
            task.result()
        return len(done) == len(self._tasks)

    async def _follow(self, workflow: str, run_id: str) -> None:
        loop, patience = asyncio.get_running_loop(), None
        async with self._places:
            while True:
                try:
                    async for item in read(self._client, workflow, run_id, wait=True):
                        patience = None
                        if isinstance(item, Child):
                            self.watch(item.workflow, item.run_id)
                        elif _advance(self._seen, item):
                            self._queue.put_nowait(item)
                    return
                except RPCError as error:
                    if error.status is RPCStatusCode.NOT_FOUND:
                        return
                    patience = patience or loop.time() + PATIENCE_SECONDS
                    if error.status not in AWAY or loop.time() > patience:
                        raise _gone(error) from error
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """End all long polls."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _gone(error: RPCError) -> CadreError:
    return CadreError(
        ErrorKind.WRONG_INPUT,
        f"the Temporal server does not answer any more ({error.message}); runs go on when it does",
    )
