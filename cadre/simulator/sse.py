"""A message as a stream of server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cadre.simulator.compose import Block, Message
from cadre.simulator.errors import Json

# A real stream comes in pieces of a few tokens.
_DELTA_CHARACTERS = 24


def event(name: str, data: Json) -> bytes:
    """One event, as bytes."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def beginning(message: Message) -> Iterator[bytes]:
    """The stream up to the content."""
    usage = {**message.usage, "output_tokens": 1, "output_tokens_details": None}
    yield event("message_start", {"message": {**message.envelope(), "usage": usage}})
    yield event("ping", {})


def content(blocks: tuple[Block, ...]) -> Iterator[bytes]:
    """The events of the content; a block that was cut off has no end."""
    for index, block in enumerate(blocks):
        yield event("content_block_start", {"index": index, "content_block": block.start()})
        for delta in _deltas(block):
            yield event("content_block_delta", {"index": index, "delta": delta})
        if block.whole:
            yield event("content_block_stop", {"index": index})


def ending(message: Message) -> Iterator[bytes]:
    """The end of the stream; a block that was cut off at a limit ends here, in order."""
    if message.blocks and not message.blocks[-1].whole:
        yield event("content_block_stop", {"index": len(message.blocks) - 1})
    usage = {k: v for k, v in message.usage.items() if k not in {"cache_creation", "service_tier"}}
    yield event("message_delta", {"delta": message.stop(), "usage": usage})
    yield event("message_stop", {})


def _deltas(block: Block) -> Iterator[Json]:
    pieces = [
        block.body[start : start + _DELTA_CHARACTERS]
        for start in range(0, len(block.body), _DELTA_CHARACTERS)
    ]
    if block.kind == "tool_use":
        for piece in ["", *pieces]:
            yield {"type": "input_json_delta", "partial_json": piece}
    elif block.kind == "text":
        for piece in pieces:
            yield {"type": "text_delta", "text": piece}
    else:
        for piece in pieces:
            yield {"type": "thinking_delta", "thinking": piece}
        if block.whole:
            yield {"type": "signature_delta", "signature": block.signature}
