"""Sending a message, and breaking off where a fault says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

from starlette.responses import Response, StreamingResponse

from cadre.simulator import sse
from cadre.simulator.compose import Message, halve_last
from cadre.simulator.errors import error_body, error_type
from cadre.simulator.faults import Fault, FaultKind
from cadre.simulator.journal import Call

_STALL_SECONDS = 24 * 3600.0
_PAGE = b"<!doctype html><html><body><h1>Service unavailable</h1></body></html>"
# Faults that break an answer off in the middle.
BREAKS = frozenset(
    {FaultKind.STREAM_ERROR, FaultKind.EOF, FaultKind.CUT, FaultKind.STALL, FaultKind.GARBAGE}
)


class _ConnectionCutError(Exception):
    """Makes the HTTP server drop the connection."""


def deliver(
    message: Message, call: Call, fault: Fault | None, seconds: float, request_id: str
) -> Response:
    """The response that carries `message`, spread over `seconds`, as `fault` leaves it."""
    headers = {"request-id": request_id}
    call.outcome = "broken"
    if fault is not None and fault.kind is FaultKind.HTML:
        return Response(_PAGE, media_type="text/html", headers=headers)
    call.stop_reason, call.usage = message.stop_reason, message.usage
    broken = fault if fault is not None and fault.kind in BREAKS else None
    chunks = _events(message, broken, request_id) if call.stream else _body(message, broken)
    media_type = "text/event-stream" if call.stream else "application/json"
    return StreamingResponse(
        _send(chunks, call, broken, seconds), media_type=media_type, headers=headers
    )


def _events(message: Message, fault: Fault | None, request_id: str) -> list[bytes]:
    chunks = list(sse.beginning(message))
    if fault is None:
        return [*chunks, *sse.content(message.blocks), *sse.ending(message)]
    chunks += sse.content(tuple(halve_last(message.blocks)))
    if fault.kind is FaultKind.STREAM_ERROR:
        kind = error_type(fault.status)
        chunks.append(sse.event("error", error_body(kind, "injected fault", request_id)))
    if fault.kind is FaultKind.GARBAGE:
        chunks += [b'event: content_block_delta\ndata: {"type": "content_bl\x00ck\n\n']
        chunks += sse.ending(replace(message, blocks=()))
    return chunks


def _body(message: Message, fault: Fault | None) -> list[bytes]:
    whole = json.dumps(message.final()).encode()
    return [whole if fault is None else whole[: len(whole) // 2]]


async def _send(
    chunks: list[bytes], call: Call, fault: Fault | None, seconds: float
) -> AsyncIterator[bytes]:
    for chunk in chunks:
        call.paid = True
        yield chunk
        if seconds > 0:
            await asyncio.sleep(seconds / len(chunks))
    if fault is None:
        call.outcome = "answered"
    elif fault.kind is FaultKind.STALL:
        await asyncio.sleep(_STALL_SECONDS)
    elif fault.kind is FaultKind.CUT:
        raise _ConnectionCutError
