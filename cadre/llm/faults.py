"""Whatever can go wrong with a call of the Messages API, as one of Cadre's kinds of failure.

Faults are told apart by type, status and the service's own error type and code, never by the
words of a message.

  the service is away (408, 409, 429, 5xx, 529, cut or stalled connections)  MODEL_UNAVAILABLE
  it answers, but not with a message (garbage, HTML, an early end)           MODEL_FAULT
  it refuses this request (400, 413)                                         MODEL_REQUEST
  it refuses this key, account or model (401, 402, 403, 404, spend limits)   MODEL_ACCESS
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import anthropic
import httpx2
from anthropic.lib.credentials import WorkloadIdentityError

from cadre.domain.errors import CadreError, ErrorKind
from cadre.llm.answer import BrokenAnswer, MalformedAnswer

# What a call of the service may raise; anything else is a mistake of ours and stays what it is.
CALL_ERRORS = (anthropic.AnthropicError, httpx2.HTTPError, MalformedAnswer, BrokenAnswer)
MAX_MALFORMED = 3
BACKOFF_BASE_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 60.0
MAX_RETRY_AFTER_SECONDS = 3600.0
_MAX_MESSAGE_CHARS = 600

_SET_KEY = (
    "set ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or a profile in the environment of the worker "
    "and start it again"
)
_BY_TYPE = {
    "overloaded_error": ErrorKind.MODEL_UNAVAILABLE,
    "api_error": ErrorKind.MODEL_UNAVAILABLE,
    "rate_limit_error": ErrorKind.MODEL_UNAVAILABLE,
    "timeout_error": ErrorKind.MODEL_UNAVAILABLE,
    "conflict_error": ErrorKind.MODEL_UNAVAILABLE,
    "invalid_request_error": ErrorKind.MODEL_REQUEST,
    "request_too_large": ErrorKind.MODEL_REQUEST,
    "authentication_error": ErrorKind.MODEL_ACCESS,
    "billing_error": ErrorKind.MODEL_ACCESS,
    "permission_error": ErrorKind.MODEL_ACCESS,
    "not_found_error": ErrorKind.MODEL_ACCESS,
}
# They come with 429, but waiting a while does not help.
_SPENT = frozenset({"contract_spend_limit_reached", "enforced_spend_limit_reached"})
_ADVICE = {
    401: f"the API key was refused: {_SET_KEY}",
    402: "the account cannot be billed: settle it with the provider",
    403: "the API key may not do this: use one that may, or choose another model",
    404: "the service does not know this model or address: check the model and ANTHROPIC_BASE_URL",
    413: "the request is too large for the service: give the agent less to read",
}


class FinalFaultError(CadreError):
    """A failure of a kind that is retried as a rule, but has been retried often enough."""

    @property
    def final(self) -> bool:
        """Always: trying again did not help."""
        return True


@dataclass(frozen=True)
class Fault:
    """A failed attempt. `unbilled` is set where the service certainly charged nothing for it;
    `retry_after` is how many seconds the service asked to wait."""

    kind: ErrorKind
    message: str
    unbilled: bool = False
    retry_after: float | None = None

    def error(
        self, attempt: int, malformed: int, jitter: Callable[[], float], secrets: Sequence[str]
    ) -> CadreError:
        """The failure to raise, in one line without `secrets`.

        `attempt` counts this call's attempts from 1, `malformed` the answers that made no sense;
        `jitter` returns a random number from 0 to 1, which spreads out many agents' retries.
        """
        message = one_line(self.message, secrets)
        if self.kind is ErrorKind.MODEL_FAULT:
            attempt = malformed
            if malformed >= MAX_MALFORMED:
                told = f"{message}; so did {malformed} answers in all: see what stands between "
                return FinalFaultError(self.kind, told + "the worker and the service")
        wait = backoff(attempt, jitter)
        if self.retry_after is not None:
            wait = max(wait, self.retry_after * (1 + 0.25 * jitter()))
        return CadreError(self.kind, message, retry_after=wait)


def backoff(attempt: int, jitter: Callable[[], float]) -> float:
    """Seconds to wait after the given attempt: exponential, between half of the longest and that.

    The half that is certain bounds how often an outage of T seconds is asked into, by each call:
    at most 1 + log2(2 T + 1) times (while T is below the cap). Jitter spreads many agents.
    """
    longest = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2.0 ** min(attempt - 1, 16))
    return longest * (0.5 + 0.5 * jitter())


def one_line(message: str, secrets: Sequence[str]) -> str:
    """`message` in one bounded line, without any of `secrets`.

    It is cut here and nowhere before, since half a secret would not be found.
    """
    for secret in secrets:
        message = message.replace(secret, "…")
    return " ".join(message.split())[:_MAX_MESSAGE_CHARS]


def no_credentials() -> CadreError:
    """The failure where there is nothing to sign a request with."""
    return CadreError(ErrorKind.MODEL_ACCESS, f"there is no API key: {_SET_KEY}")


def classify(error: Exception, now: float) -> Fault:
    """The fault behind one of `CALL_ERRORS`; `now` is in seconds since the epoch."""
    match error:
        case anthropic.APIStatusError():
            return _refusal(error, now)
        case anthropic.APIConnectionError():
            return _connection(error.__cause__ or error)
        case BrokenAnswer():
            kind = _BY_TYPE.get(error.error_type, ErrorKind.MODEL_FAULT)
            return Fault(kind, f"the answer broke off: {error.error_type}: {error.message}")
        case MalformedAnswer():
            return Fault(ErrorKind.MODEL_FAULT, f"the service's answer makes no sense: {error}")
        case httpx2.HTTPError():
            return _connection(error)
        case WorkloadIdentityError() if error.status_code is None or error.status_code >= 500:
            return Fault(
                ErrorKind.MODEL_UNAVAILABLE, "the token service does not answer", unbilled=True
            )
        case anthropic.CredentialsError() | WorkloadIdentityError():
            told = f"the credentials do not work ({type(error).__name__}): {_SET_KEY}"
            return Fault(ErrorKind.MODEL_ACCESS, told, unbilled=True)
    return Fault(ErrorKind.MODEL_FAULT, f"the client failed: {type(error).__name__}")


def _refusal(error: anthropic.APIStatusError, now: float) -> Fault:
    status = error.status_code
    told = f"the service refused with {status} {error.type or ''}".rstrip()
    parts = [told if status >= 500 else _ADVICE.get(status, told), error.api_message]
    return Fault(
        kind=_kind(status, str(error.type), error.error_code),
        message=": ".join(part for part in parts if part),
        # Errors that come with their status are told before any answer begins.
        unbilled=status >= 400,
        retry_after=retry_after(error.response.headers, now),
    )


def _kind(status: int, error_type: str, code: str | None) -> ErrorKind:
    if code in _SPENT or error_type == "billing_error" or status in (401, 402, 403, 404):
        return ErrorKind.MODEL_ACCESS
    if status in (408, 409, 429) or status >= 500:
        return ErrorKind.MODEL_UNAVAILABLE
    if status >= 400:
        return ErrorKind.MODEL_REQUEST
    return _BY_TYPE.get(error_type, ErrorKind.MODEL_FAULT)


def _connection(cause: BaseException) -> Fault:
    unsent = isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
    how = "cannot be reached" if unsent else "broke off the connection or fell silent"
    return Fault(
        ErrorKind.MODEL_UNAVAILABLE,
        f"the service {how} ({type(cause).__name__})",
        unbilled=unsent,
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the service asks to wait, at most `MAX_RETRY_AFTER_SECONDS`, or None."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except ValueError:
            return None
    if not seconds >= 0:  # in the past, or not a number
        return None
    return min(seconds, MAX_RETRY_AFTER_SECONDS)
