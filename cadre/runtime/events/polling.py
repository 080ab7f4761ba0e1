"""Waiting for what happens in a run's workflows: long polls, as many as the server can spare."""

from __future__ import annotations

import asyncio

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.events.reading import Child, read
from cadre.runtime.events.types import AgentEnded, Event, RunEnded

# Each long poll takes one of the server's places, which it shares with every other client.
WORKFLOWS_AT_ONCE = 32
# The others are read anew so often, until one of these places is free.
SWEEP_SECONDS = 3.0
# Between two answers to a long poll, for each workflow that is followed: with one, everything is
# seen at once; with many, what happens meanwhile comes in one answer.
PAUSE_SECONDS = 0.12
# How long a server that went away is waited for, and agents that outlive their run.
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.5
AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNKNOWN)


class Polling:
    """Reads workflows until they have closed; what they tell goes into one queue, each workflow's
    in its order and, after a fault, more than once. None in it says that a workflow was left."""

    def __init__(self, client: Client, queue: asyncio.Queue[Event | None]) -> None:
        self._client = client
        self._queue = queue
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(WORKFLOWS_AT_ONCE)

    def watch(self, workflow: str, run_id: str) -> None:
        """Follow one more workflow, and the children that it will have."""
        if (workflow, run_id) not in self._tasks:
            task = asyncio.create_task(self._follow(workflow, run_id))
            task.add_done_callback(lambda _: self._queue.put_nowait(None))
            self._tasks[workflow, run_id] = task

    @property
    def idle(self) -> bool:
        """Whether all workflows have closed. Raises what reading the first failed one raised."""
        done = [task for task in self._tasks.values() if task.done()]
        for task in done:
            task.result()
        return len(done) == len(self._tasks)

    async def close(self) -> None:
        """End all long polls."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _follow(self, workflow: str, run_id: str) -> None:
        while not await self._has_place():
            if await self._read(workflow, run_id, wait=False):
                return
        try:
            await self._read(workflow, run_id, wait=True)
        finally:
            self._places.release()

    def _pause(self) -> float:
        return PAUSE_SECONDS * sum(not task.done() for task in self._tasks.values())

    async def _has_place(self) -> bool:
        try:
            async with asyncio.timeout(SWEEP_SECONDS):
                return await self._places.acquire()
        except TimeoutError:
            return False

    async def _read(self, workflow: str, run_id: str, *, wait: bool) -> bool:
        """Read a workflow until it has closed, or as it is now; whether it has closed. A server
        that goes away is waited for, and then everything is read again."""
        loop, patience = asyncio.get_running_loop(), None
        while True:
            try:
                closed = False
                async for item in read(
                    self._client, workflow, run_id, wait=wait, pause=self._pause
                ):
                    patience = None
                    if isinstance(item, Child):
                        self.watch(item.workflow, item.run_id)
                    else:
                        self._queue.put_nowait(item)
                        closed = isinstance(item, AgentEnded | RunEnded)
                return closed
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return True
                patience = patience or loop.time() + PATIENCE_SECONDS
                if error.status not in AWAY or loop.time() > patience:
                    raise _gone(error) from error
            await asyncio.sleep(RETRY_SECONDS)


def _gone(error: RPCError) -> CadreError:
    return CadreError(
        ErrorKind.WRONG_INPUT,
        f"the Temporal server does not answer any more ({error.message}); runs go on when it does",
    )
