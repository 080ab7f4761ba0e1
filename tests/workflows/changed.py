"""Activities whose results a test changes on their way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


@dataclass
class Changed(Interceptor):
    """The results of the activity `name` are what `change` makes of a request and its result."""

    name: str
    change: Callable[[Any, Any], Any]

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Changed(next, self)


class _Changed(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, changed: Changed) -> None:
        super().__init__(following)
        self._changed = changed

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        result = await super().execute_activity(input)
        if activity.info().activity_type != self._changed.name:
            return result
        return self._changed.change(input.args[0], result)
