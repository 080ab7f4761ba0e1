"""How often an activity is tried whose code fails.

What a faulty disk, store or network raises passes through: Temporal tries again for hours, as
long as its patience lasts. What remains is a mistake in Cadre or in what is stored. That is seldom
mended by trying again, so a few attempts must do. They are counted in this process, apart from
attempts that ended with a worker, and a new worker counts anew: it may run better code. Where a
worker has several processes, the attempts scatter over them, so each allows for fewer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from obstore.exceptions import BaseError
from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.service import RPCError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.errors import MAX_MESSAGE_CHARS
from cadre.domain.errors import ErrorKind

MAX_MISTAKES = 3
# In each of several processes: 3 attempts in all where there are two, about 6 where sixteen.
MAX_MISTAKES_OF_SEVERAL = 2
# Failures of whatever Cadre stands on, and failures that know themselves whether to try again.
PASSED_ON = (FailureError, OSError, BaseError, RPCError)
_REMEMBERED = 10_000


class BoundMistakes(Interceptor):
    """Lets an activity fail by unexpected exceptions at most `limit` times in this process."""

    def __init__(self, limit: int = MAX_MISTAKES) -> None:
        self._limit = limit
        self._mistakes: OrderedDict[tuple[str | None, str], int] = OrderedDict()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Put the count before the activity."""
        return _Bounded(next, self)

    def failure(self, error: Exception) -> ApplicationError:
        """One more mistake of the current activity, as Temporal carries it; the last is final."""
        info = activity.info()
        key = (info.workflow_run_id, info.activity_id)
        count = self._mistakes.pop(key, 0) + 1
        self._mistakes[key] = count
        if len(self._mistakes) > _REMEMBERED:
            self._mistakes.popitem(last=False)
        words = " ".join(f"{type(error).__name__}: {error}".split())[: MAX_MESSAGE_CHARS // 2]
        told = f"{info.activity_type} failed by a mistake in Cadre or in what it stored: {words}"
        final = count >= self._limit
        if final:
            told += f" ({count} times; the worker's log has the details)"
        return ApplicationError(told, type=ErrorKind.MISTAKE.value, non_retryable=final)


class _Bounded(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, mistakes: BoundMistakes) -> None:
        super().__init__(following)
        self._mistakes = mistakes

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except PASSED_ON:
            raise
        except Exception as error:
            raise self._mistakes.failure(error) from error
