"""How a typed failure of the library crosses into Temporal."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError

from cadre.domain.errors import CadreError

P = ParamSpec("P")
R = TypeVar("R")

# A failure's message enters the history at every attempt, so it stays short.
MAX_MESSAGE_CHARS = 2000


def application_error(error: CadreError) -> ApplicationError:
    """`error` as Temporal carries it: its kind as the type, and whether and when to try again."""
    message = error.message
    if len(message) > MAX_MESSAGE_CHARS:
        message = message[: MAX_MESSAGE_CHARS - 1] + "…"
    after = error.retry_after
    return ApplicationError(
        message,
        type=error.kind.value,
        non_retryable=error.final,
        next_retry_delay=None if after is None or error.final else timedelta(seconds=after),
    )


def cadre_errors(activity: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Decorate an async activity so that its CadreErrors reach the workflow with their kind.

    It goes below `@activity.defn`. Any other exception passes through: Temporal retries it.
    """

    @functools.wraps(activity)
    async def raising(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await activity(*args, **kwargs)
        except CadreError as error:
            raise application_error(error) from error

    return raising
