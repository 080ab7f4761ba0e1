"""Responses other than messages."""

from __future__ import annotations

import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cadre.simulator.errors import ApiError, Json, error_body, error_type
from cadre.simulator.models import Traits


def refused(_: Request, error: Exception) -> Response:
    """An ApiError as the service words it."""
    if not isinstance(error, ApiError):
        raise error
    response = _error(error.status, error.message)
    if error.retry_after is not None:
        response.headers["retry-after"] = f"{error.retry_after:g}"
    return response


def lost(request: Request, error: Exception) -> Response:
    """What is said where there is no such endpoint."""
    if not isinstance(error, HTTPException):
        raise error
    return _error(error.status_code, f"{request.method} {request.url.path}: not found")


def _error(status: int, message: str) -> Response:
    request_id = new_request_id()
    body = error_body(error_type(status), message, request_id)
    return JSONResponse(body, status_code=status, headers={"request-id": request_id})


def new_request_id() -> str:
    """A fresh ID of a request."""
    return f"req_01{secrets.token_hex(11)}"


def model_info(traits: Traits) -> Json:
    """A model as the service lists it."""
    return {
        "type": "model",
        "id": traits.id,
        "display_name": traits.id.replace("-", " ").title(),
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": traits.context_window,
        "max_tokens": traits.max_tokens,
    }
