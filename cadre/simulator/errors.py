"""How the service refuses a request."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

# The `error.type` that goes with each HTTP status.
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ApiError(Exception):
    """A refusal with its HTTP status and one line that says what is wrong."""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


def error_type(status: int) -> str:
    """The service's name for errors of this HTTP status."""
    return TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_body(kind: str, message: str, request_id: str) -> Json:
    """An error as the service words it, in a response body or in a stream's error event."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


def one_of(value: object, *options: object) -> bool:
    """Whether `value`, which may be anything, equals one of the options."""
    return any(type(value) is type(option) and value == option for option in options)


def require(condition: object, message: str) -> None:
    """Refuse the request with status 400 unless `condition` holds."""
    if not condition:
        raise ApiError(400, message)
