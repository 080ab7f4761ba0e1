"""A conversation that another model goes on with, where it is the cheaper one.

Thinking blocks are bound to the model that made them, so what the first model thought is left out;
what it said and did stays. So that every request begins like the one before, the same is left out
of each request from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cadre.domain.usage import Model
from cadre.llm.models import traits
from cadre.llm.requests import ADAPTIVE_THINKING
from cadre.llm.segment import Frame, Message

_THOUGHTS = ("thinking", "redacted_thinking")


def adapted(frame: Frame, model: Model) -> Frame:
    """`frame` with what requests to `model` may ask for."""
    can = traits(model.id)
    output = dict(frame.output_config)
    if output.get("effort") not in can.efforts:
        output.pop("effort", None)
    thinking = ADAPTIVE_THINKING if can.adaptive_thinking else None
    return frame.model_copy(update={"output_config": output, "thinking": thinking})


def without_thoughts(messages: Sequence[Message]) -> Iterator[Message]:
    """The messages without what the model thought; an answer always holds something besides."""
    for message in messages:
        content = message["content"]
        if message["role"] == "assistant":
            content = [block for block in content if block.get("type") not in _THOUGHTS]
        yield {**message, "content": content}
