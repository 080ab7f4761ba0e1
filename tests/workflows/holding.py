"""Activities that stand still until they are let go or cancelled, so that a test can act."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from cadre.domain.outcomes import RunResult
from cadre.domain.runs import RecordRun

PATIENCE_SECONDS = 60


@dataclass
class Hold(Interceptor):
    """Holds the first call of the activity `name` that `when` picks, for so many heartbeats at
    most; `fails` picks calls that fail."""

    name: str
    when: Callable[[Any], bool] = lambda request: True
    fails: Callable[[str, Any], bool] = lambda name, request: False
    beats: int = 600
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    order: list[str] = field(default_factory=list)
    results: list[RunResult] = field(default_factory=list)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Held(next, self)

    async def met(self) -> None:
        """Wait until the call is there."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.entered.wait()


class _Held(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, hold: Hold) -> None:
        super().__init__(following)
        self._hold = hold

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        hold, name, request = self._hold, activity.info().activity_type, input.args[0]
        if isinstance(request, RecordRun):
            hold.results.append(request.result)
        if hold.fails(name, request):
            raise ApplicationError("for good", non_retryable=True)
        if name == hold.name and not hold.entered.is_set() and hold.when(request):
            hold.entered.set()
            while hold.beats > 0 and not hold.release.is_set():
                hold.beats -= 1
                activity.heartbeat()
                await asyncio.wait({asyncio.ensure_future(hold.release.wait())}, timeout=0.1)
        done = await super().execute_activity(input)
        hold.order.append(name)
        return done


async def cancel(client: Client, workflow_id: str) -> None:
    """Ask a workflow to end, and wait until its history says so."""
    handle = client.get_workflow_handle(workflow_id)
    await handle.cancel()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not [
            event
            async for event in handle.fetch_history_events()
            if event.HasField("workflow_execution_cancel_requested_event_attributes")
        ]:
            await asyncio.sleep(0.02)
