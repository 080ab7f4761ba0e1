"""Reading a streamed answer of the Messages API, event by event, without any trust in it.

An answer counts only when `message_stop` has come. A stream that ends early, or whose events do
not fit together, is a MalformedAnswer, and nothing of it is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cadre.llm.answer import (
    STOP_REASONS,
    Answer,
    BrokenAnswer,
    MalformedAnswer,
    json_object,
    mapping,
    read_usage,
    storable,
    whole_characters,
)
from cadre.llm.segment import Block

# A tool use's ID becomes part of an object-store key, and both go back to the service, which
# takes no others.
_WORD = re.compile(r"[A-Za-z0-9_-]{1,128}")
TAIL_CHARS = 2048
# Which field of a block each kind of delta adds to.
_TEXT_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


@dataclass
class _Open:
    """The block of which more is to come."""

    block: Block
    added: dict[str, list[str]] = field(default_factory=dict)
    raw_input: list[str] = field(default_factory=list)


class Accumulator:
    """Puts an answer together from its events.

    `tail` is the end of what it says so far, thinking included, at most `TAIL_CHARS`;
    `output_chars` is how much came in all, tool inputs included; `stopped` is set once
    `message_stop` has come.
    """

    def __init__(self) -> None:
        self.tail = ""
        self.output_chars = 0
        self._message: dict[str, Any] | None = None
        self._usage: dict[str, Any] = {}
        self._delta: dict[str, Any] = {}
        self._open: _Open | None = None
        self._content: list[Block] = []
        self._invalid: dict[str, str] = {}
        self.stopped = False

    def feed(self, data: str) -> None:
        """Take the data of one event. Raises MalformedAnswer or BrokenAnswer."""
        event = json_object(data)
        if event is None:
            raise MalformedAnswer("an event is not a JSON object")
        kind = str(event.get("type"))
        if kind == "error":
            error = mapping(event.get("error"))
            raise BrokenAnswer(str(error.get("type")), str(error.get("message") or ""))
        handle = self._HANDLERS.get(kind)
        if handle is None:
            return  # `ping`, and kinds that are yet to be invented
        if self.stopped or (self._message is None) != (kind == "message_start"):
            raise MalformedAnswer(f"{kind} came out of order")
        handle(self, event)

    def finish(self) -> Answer:
        """The answer, once its stream has ended. Raises MalformedAnswer if it is not whole."""
        if self._message is None:
            raise MalformedAnswer("the answer holds no message")
        if not self.stopped or self._open is not None:
            raise MalformedAnswer("the answer broke off before its end")
        reason = self._delta.get("stop_reason")
        if reason not in STOP_REASONS:
            raise MalformedAnswer("the answer has no stop reason that is known")
        details = mapping(self._delta.get("stop_details")) or None
        if not storable([self._content, details]):
            raise MalformedAnswer("the answer holds text that is no Unicode")
        return Answer(
            content=self._content,
            stop_reason=reason,
            stop_details=details,
            usage=read_usage(self._usage),
            model=whole_characters(str(self._message.get("model") or "")),
            invalid_inputs=self._invalid,
        )

    def _message_start(self, event: dict[str, Any]) -> None:
        self._message = mapping(event.get("message"))
        self._usage.update(mapping(self._message.get("usage")))

    def _block_start(self, event: dict[str, Any]) -> None:
        block = mapping(event.get("content_block"))
        if self._open is not None or event.get("index") != len(self._content):
            raise MalformedAnswer("a content block came out of order")
        if not isinstance(block.get("type"), str):
            raise MalformedAnswer("a content block has no type")
        if block["type"] == "tool_use":
            _check_use(block, {b["id"] for b in self._content if b["type"] == "tool_use"})
        self._open = _Open(block)

    def _block_delta(self, event: dict[str, Any]) -> None:
        opened, delta = self._opened(event), mapping(event.get("delta"))
        kind = str(delta.get("type"))
        if kind == "input_json_delta":
            opened.raw_input.append(self._counted(delta.get("partial_json")))
        elif kind == "citations_delta":
            cited = opened.block.get("citations") or []
            opened.block["citations"] = [*cited, delta.get("citation")]
        elif (name := _TEXT_DELTAS.get(kind)) is not None:
            piece = self._counted(delta.get(name))
            opened.added.setdefault(name, []).append(piece)
            if name != "signature":
                self.tail = (self.tail + piece)[-TAIL_CHARS:]

    def _block_stop(self, event: dict[str, Any]) -> None:
        opened = self._opened(event)
        block = opened.block
        for name, pieces in opened.added.items():
            block[name] = whole_characters(str(block.get(name) or "") + "".join(pieces))
        if "input" in block:
            self._close_input(block, whole_characters("".join(opened.raw_input)))
        self._open = None
        self._content.append(block)

    def _close_input(self, block: Block, raw: str) -> None:
        """Strictly: from the raw text alone, and only a JSON object; no text at all means {}."""
        value = json_object(raw) if raw else mapping(block["input"])
        if value is None or not storable(value):
            if block["type"] == "tool_use":
                self._invalid[block["id"]] = raw
            value = {}
        block["input"] = value

    def _message_delta(self, event: dict[str, Any]) -> None:
        self._delta.update(mapping(event.get("delta")))
        counts = mapping(event.get("usage")).items()
        self._usage.update({name: value for name, value in counts if value is not None})

    def _message_stop(self, _event: dict[str, Any]) -> None:
        self.stopped = True

    _HANDLERS: ClassVar[dict[str, Callable[[Accumulator, dict[str, Any]], None]]] = {
        "message_start": _message_start,
        "content_block_start": _block_start,
        "content_block_delta": _block_delta,
        "content_block_stop": _block_stop,
        "message_delta": _message_delta,
        "message_stop": _message_stop,
    }

    def _opened(self, event: dict[str, Any]) -> _Open:
        if self._open is None or event.get("index") != len(self._content):
            raise MalformedAnswer("a part came for a content block that is not open")
        return self._open

    def _counted(self, piece: object) -> str:
        if not isinstance(piece, str):
            raise MalformedAnswer("a delta holds no text")
        self.output_chars += len(piece)
        return piece


def _check_use(block: Block, known: set[str]) -> None:
    use_id, name = block.get("id"), block.get("name")
    if not isinstance(use_id, str) or not _WORD.fullmatch(use_id) or use_id in known:
        raise MalformedAnswer("a tool use has no ID of its own")
    if not isinstance(name, str) or not _WORD.fullmatch(name):
        raise MalformedAnswer("a tool use has no name")
    block["input"] = mapping(block.get("input"))
