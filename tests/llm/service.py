"""A Messages API of raw bytes: it sends exactly what a test scripts, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 1000,
    "cache_creation_input_tokens": 200,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 1,
}


@dataclass
class Reply:
    """Bytes to send as they are. `reset` cuts the connection hard, `stall` never ends it."""

    head: bytes
    body: bytes = b""
    reset: bool = False
    stall: bool = False


@dataclass
class Service:
    """Replies in order; `requests` are the JSON bodies that came, `headers` theirs. Who asks for a
    prompt's tokens, with one of the bodies in `counts`, is told `tokens`."""

    base_url: str
    replies: list[Reply] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    counts: list[dict[str, Any]] = field(default_factory=list)
    tokens: int | None = None
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def script(self, *replies: Reply) -> None:
        self.replies += replies


@asynccontextmanager
async def serve() -> AsyncIterator[Service]:
    """A service on a port of its own."""
    tasks: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _exchange(service, reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    service = Service(f"http://127.0.0.1:{port}")
    try:
        yield service
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _exchange(
    service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head.splitlines()[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    if head.startswith("POST /v1/messages/count_tokens"):
        service.counts.append(json.loads(body))
        writer.write(_counted(service.tokens))
        await writer.drain()
        return
    service.headers.append(headers)
    service.requests.append(json.loads(body))
    service.arrived.set()
    reply = service.replies.pop(0)
    writer.write(reply.head + reply.body)
    await writer.drain()
    if reply.stall:
        await reader.read()
        service.hung_up.set()
    elif reply.reset:
        writer.transport.abort()


def _counted(tokens: int | None) -> bytes:
    if tokens is None:
        reply = refusal(500, "api_error")
    else:
        reply = plain(200, "application/json", json.dumps({"input_tokens": tokens}).encode())
    return reply.head + reply.body


def refusal(status: int, error_type: str, message: str = "no", **headers: str) -> Reply:
    """An error as the service tells it."""
    body = json.dumps({"type": "error", "error": {"type": error_type, "message": message}}).encode()
    return plain(status, "application/json", body, **headers)


def plain(status: int, media: str, body: bytes, **headers: str) -> Reply:
    """Any HTTP response."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-type: {media}",
        f"content-length: {len(body)}",
        "connection: close",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return Reply("\r\n".join(lines).encode() + b"\r\n\r\n", body)


def stream(events: Sequence[Event], *, stall: bool = False, chunked: bool = False) -> Reply:
    """A stream of events that ends by the end of the connection.

    A `chunked` one breaks off before its last chunk, so that the client can tell.
    """
    body = sse(events)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    if chunked:
        head += b"transfer-encoding: chunked\r\n"
        body = f"{len(body):x}\r\n".encode() + body + b"\r\n"
    return Reply(head + b"connection: close\r\n\r\n", body, stall=stall)


def sse(events: Sequence[Event]) -> bytes:
    """Events as they travel."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


def message(
    *blocks: list[Event], stop_reason: str = "end_turn", output_tokens: int = 50, **delta: Any
) -> list[Event]:
    """The events of a whole message."""
    start: Event = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test-1",
        "content": [],
        "stop_reason": None,
        "usage": USAGE,
    }
    events: list[Event] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(blocks):
        events += [{**event, "index": index} for event in block]
    stop = {"stop_reason": stop_reason, "stop_sequence": None, **delta}
    events.append(
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": output_tokens}}
    )
    return [*events, {"type": "message_stop"}]


def say(words: str, pieces: int = 3) -> list[Event]:
    """A block of text in several deltas."""
    block = {"type": "text", "text": ""}
    return _block(block, "text_delta", "text", words, pieces)


def think(words: str, signature: str | None = "sig") -> list[Event]:
    """A block of thinking; one without a signature was cut off."""
    events = _block({"type": "thinking", "thinking": "", "signature": ""}, *_THINK, words, 2)
    if signature is not None:
        delta = {"type": "signature_delta", "signature": signature}
        events.insert(-1, {"type": "content_block_delta", "delta": delta})
    return events


_THINK = ("thinking_delta", "thinking")


def use(name: str, tool_input: object, use_id: str = "toolu_1", pieces: int = 4) -> list[Event]:
    """A tool use; an input that is a string is sent as the raw text that it is."""
    raw = tool_input if isinstance(tool_input, str) else json.dumps(tool_input)
    block = {"type": "tool_use", "id": use_id, "name": name, "input": {}}
    return _block(block, "input_json_delta", "partial_json", raw, pieces)


def _block(block: Event, kind: str, name: str, words: str, pieces: int) -> list[Event]:
    size = max(1, -(-len(words) // pieces))
    deltas = [
        {"type": "content_block_delta", "delta": {"type": kind, name: words[at : at + size]}}
        for at in range(0, len(words), size)
    ]
    start: Event = {"type": "content_block_start", "content_block": block}
    return [start, *deltas, {"type": "content_block_stop"}]
