"""One attempt of a call: send the request, read the answer to its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
from anthropic import AsyncAnthropic, AsyncStream

from cadre.llm.answer import Answer, MalformedAnswer
from cadre.llm.stream import Accumulator

# A connection is used again only when its answer was read to the end; waiting for an end that
# does not come is not worth more than this.
DRAIN_SECONDS = 0.5


async def read_answer(
    client: AsyncAnthropic, request: Mapping[str, Any], accumulator: Accumulator
) -> Answer:
    """Send `request` and read its streamed answer; `accumulator` shows how far it has come.

    Raises one of `faults.CALL_ERRORS`. Cancelling it closes the connection. The events are read
    raw: the SDK's own classes would guess at what is cut off, and drop what they do not know.
    """
    async with client.messages.with_streaming_response.create(**request) as response:
        media = response.headers.get("content-type", "")
        if not media.startswith("text/event-stream"):
            raise MalformedAnswer(f"it is of the type {media[:80]!r}, not a stream of events")
        events = AsyncStream.raw_events(response.http_response)
        try:
            async for event in events:
                if event.data:
                    accumulator.feed(event.data)
                if accumulator.stopped:
                    break
        except UnicodeDecodeError:
            raise MalformedAnswer("it is not UTF-8") from None
        if accumulator.stopped:
            await _drain(events)
    return accumulator.finish()


async def _drain(events: AsyncIterator[object]) -> None:
    """Read on to the end. The answer is whole already, so no failure matters any more."""
    with contextlib.suppress(TimeoutError, httpx2.HTTPError, UnicodeDecodeError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in events:
                pass
