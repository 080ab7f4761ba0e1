"""The service's own count of a prompt, which is free of charge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anthropic import AsyncAnthropic

from cadre.llm.faults import CALL_ERRORS

COUNT_SECONDS = 10.0
# The service calls its count an estimate that may be off by a small amount, and names no bound.
MARGIN_SHARE = 0.05
MARGIN_TOKENS = 500
_NOT_COUNTED = ("max_tokens", "stream")


async def count_tokens(client: AsyncAnthropic, request: Mapping[str, Any]) -> int | None:
    """The tokens of a request's prompt with a margin on top, or None where nobody tells within
    `COUNT_SECONDS`."""
    asked = {name: value for name, value in request.items() if name not in _NOT_COUNTED}
    try:
        counted = await client.messages.count_tokens(**asked, timeout=COUNT_SECONDS)
    except CALL_ERRORS:
        return None
    # The client takes whatever comes for what it should be.
    tokens = getattr(counted, "input_tokens", None)
    if type(tokens) is not int or tokens < 0:
        return None
    return tokens + int(tokens * MARGIN_SHARE) + MARGIN_TOKENS
