"""How many activities of a kind a worker runs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from activities.heartbeat import beating

Slots = Mapping[str, asyncio.Semaphore]


class LimitActivities(Interceptor):
    """Lets at most so many activities run at once, by the activity's name.

    The others wait, alive: each holds one of the worker's own slots meanwhile.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Put the limit before the activity."""
        return _Limited(next, self._slots)


class _Limited(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, slots: Slots) -> None:
        super().__init__(following)
        self._slots = slots

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        slot = self._slots.get(activity.info().activity_type)
        if slot is None:
            return await super().execute_activity(input)
        if slot.locked():  # else there is no wait to beat through
            async with beating():
                await slot.acquire()
        else:
            await slot.acquire()
        try:
            return await super().execute_activity(input)
        finally:
            slot.release()
