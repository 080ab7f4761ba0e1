"""How a typed failure of the library crosses into Temporal."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import ParamSpec, TypeVar

import structlog
from temporalio import activity as temporal
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from cadre.domain.errors import CadreError

P = ParamSpec("P")
R = TypeVar("R")

# A failure's message enters the history at every attempt, so it stays short.
MAX_MESSAGE_CHARS = 2000

log = structlog.get_logger(__name__)


def application_error(error: CadreError) -> ApplicationError:
    """`error` as Temporal carries it: its kind as the type, and whether and when to try again.

    It is benign: of a failure that was foreseen, the SDK's traceback would tell a log nothing.
    """
    message = error.message
    if len(message) > MAX_MESSAGE_CHARS:
        message = message[: MAX_MESSAGE_CHARS - 1] + "…"
    after = error.retry_after
    return ApplicationError(
        message,
        type=error.kind.value,
        non_retryable=error.final,
        next_retry_delay=None if after is None or error.final else timedelta(seconds=after),
        category=ApplicationErrorCategory.BENIGN,
    )


def cadre_errors(activity: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Decorate an async activity so that its CadreErrors reach the workflow with their kind.

    It goes below `@activity.defn`. Any other exception passes through, see `workers.mistakes`.
    """

    @functools.wraps(activity)
    async def raising(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await activity(*args, **kwargs)
        except CadreError as error:
            _log(error)
            raise application_error(error) from error

    return raising


def _log(error: CadreError) -> None:
    info = temporal.info()
    log.warning(
        f"{info.activity_type} failed",
        workflow=info.workflow_id,
        attempt=info.attempt,
        kind=error.kind.value,
        why=error.message[:MAX_MESSAGE_CHARS],
        final=error.final,
        retry_after_seconds=error.retry_after,
    )
