"""What a model's answer is once it is whole, and the ways in which it can fail to be one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cadre.domain.usage import Usage
from cadre.llm.segment import Block

STOP_REASONS = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
    }
)


class MalformedAnswer(Exception):  # noqa: N818 - named for what it is
    """The service answered, but not with a whole message of the Messages API."""


class BrokenAnswer(Exception):  # noqa: N818 - named for what it is
    """The service reported an error in the middle of its answer."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(error_type)
        self.error_type = error_type
        self.message = message


@dataclass(frozen=True)
class Answer:
    """A whole answer. `invalid_inputs` maps tool uses to the text that is not a JSON object."""

    content: list[Block]
    stop_reason: str
    stop_details: dict[str, Any] | None
    usage: Usage
    model: str
    invalid_inputs: dict[str, str]


def read_usage(counts: Mapping[str, Any]) -> Usage:
    """The tokens of an answer. Raises MalformedAnswer where they are not told: never free."""
    if counts.get("input_tokens") is None or counts.get("output_tokens") is None:
        raise MalformedAnswer("the answer does not tell its usage")
    for_an_hour = _count(mapping(counts.get("cache_creation")), "ephemeral_1h_input_tokens")
    written = max(_count(counts, "cache_creation_input_tokens"), for_an_hour)
    return Usage(
        input_tokens=_count(counts, "input_tokens"),
        output_tokens=_count(counts, "output_tokens"),
        cache_read_tokens=_count(counts, "cache_read_input_tokens"),
        cache_write_5m_tokens=written - for_an_hour,
        cache_write_1h_tokens=for_an_hour,
    )


def _count(counts: Mapping[str, Any], name: str) -> int:
    value = counts.get(name) or 0
    if type(value) is not int or value < 0:
        raise MalformedAnswer("the answer's usage makes no sense")
    return value


def mapping(value: object) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def whole_characters(text: str) -> str:
    """`text` with halves of surrogate pairs joined where they met, and replaced where not."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(value: object) -> bool:
    """Whether `value` can be written as JSON in UTF-8, and read again as the same."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, or None where it is anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
