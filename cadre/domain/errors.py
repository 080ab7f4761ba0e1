"""The kinds of failure that cross the line between activities and workflows.

Raising and catching share these strings, so that they cannot drift apart. Expected outcomes
are results, not failures.
"""

from enum import StrEnum


class ErrorKind(StrEnum):
    """`ApplicationError.type` of every failure that an activity raises."""

    # Retried by Temporal.
    MODEL_UNAVAILABLE = "model unavailable"  # rate limit, overload, 5xx, timeouts, broken streams
    MODEL_FAULT = "model fault"  # an answer that makes no sense; counted apart
    SUPERSEDED = "superseded"  # this attempt was thought dead, and another one is at work
    WEBHOOK = "webhook"  # nobody could be told of a question; tried a few times
    MISTAKE = "internal error"  # of Cadre itself; tried a few times, since nobody knows
    # Final: retrying cannot help, the message says what to do.
    MODEL_REQUEST = "model request refused"  # 400, 413
    MODEL_ACCESS = "model access refused"  # 401, 403, 404, billing
    UNKNOWN_MODEL = "unknown model"
    WRONG_INPUT = "wrong input"
    NO_SANDBOX = "no sandbox"
    WORKSPACE_LOST = "workspace lost"
    DELIVERY = "delivery"


FINAL = frozenset(
    {
        ErrorKind.MODEL_REQUEST,
        ErrorKind.MODEL_ACCESS,
        ErrorKind.UNKNOWN_MODEL,
        ErrorKind.WRONG_INPUT,
        ErrorKind.NO_SANDBOX,
        ErrorKind.WORKSPACE_LOST,
        ErrorKind.DELIVERY,
    }
)


class CadreError(Exception):
    """A failure with its kind and one line that says what is wrong and what to do."""

    def __init__(self, kind: ErrorKind, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after

    @property
    def final(self) -> bool:
        """Whether trying again cannot help."""
        return self.kind in FINAL
