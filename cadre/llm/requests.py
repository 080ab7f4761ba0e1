"""Requests of the Messages API: an agent's frame, a turn's message, and where the cache reads.

No sampling parameters, no forced tool choice, no prefilled answer: current models refuse them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

from anthropic import transform_schema

from cadre.domain.agents import Agent, AgentDefinition
from cadre.domain.reports import REPORT_TYPES
from cadre.domain.usage import Model
from cadre.llm.prompts import system_prompt
from cadre.llm.segment import Block, Frame, Message, Segment

WORKSPACE = "/workspace"
# Older families do not think adaptively, and all but one know no effort; all later ones do both.
# Source: Anthropic's pages on adaptive thinking and on the current models, November 2026.
_NOT_ADAPTIVE = (
    "claude-3",
    "claude-haiku-4",
    "claude-sonnet-4-2",
    "claude-sonnet-4-5",
    "claude-opus-4-0",
    "claude-opus-4-1",
    "claude-opus-4-2",
    "claude-opus-4-5",
)
# One token for each byte is a sure bound: a byte-level tokenizer has no token for less than one.
# The service adds words of its own for tools and output formats; Anthropic's pages name up to
# some 500 tokens for tools, so this leaves a wide margin.
SERVICE_TOKENS = 2_000
# Without a display, some models keep even their words between tool calls to themselves.
ADAPTIVE_THINKING = {"type": "adaptive", "display": "summarized"}
_CACHED = {"type": "ephemeral"}


def thinks_adaptively(model_id: str) -> bool:
    """Whether a model takes adaptive thinking."""
    return not model_id.startswith(_NOT_ADAPTIVE)


def takes_effort(model_id: str) -> bool:
    """Whether a model takes an effort."""
    return thinks_adaptively(model_id) or model_id.startswith("claude-opus-4-5")


def make_frame(
    agent_id: str,
    agent: Agent,
    definition: AgentDefinition,
    tools: list[dict[str, Any]],
    workspace: str = WORKSPACE,
) -> Frame:
    """What all requests of an agent share; `tools` are the schemas of what it may use."""
    schema = _report_schema(agent.role.report)
    output: dict[str, Any] = {"format": {"type": "json_schema", "schema": schema}}
    if agent.effort is not None and takes_effort(agent.model.id):
        output["effort"] = agent.effort
    return Frame(
        system=system_prompt(agent_id, agent.role, definition, agent.tools, workspace),
        tools=tools,
        output_config=output,
        thinking=ADAPTIVE_THINKING if thinks_adaptively(agent.model.id) else None,
    )


@functools.cache
def _report_schema(report: str) -> dict[str, Any]:
    return transform_schema(REPORT_TYPES[report])


def tool_result(use_id: str, content: str, *, is_error: bool) -> Block:
    """The answer to a tool use; the service refuses an error without a word."""
    block: Block = {"type": "tool_result", "tool_use_id": use_id}
    return {**block, "content": content or "(no output)", "is_error": is_error}


def text(words: str) -> Block:
    """A block of text."""
    return {"type": "text", "text": words}


def user_message(blocks: Sequence[Block]) -> Message | None:
    """A message to the model, or None where there is nothing to say."""
    return {"role": "user", "content": list(blocks)} if blocks else None


def make_request(
    model: Model, frame: Frame, messages: Sequence[Message], max_tokens: int
) -> dict[str, Any]:
    """The request's parameters; `messages` stay as they are."""
    request: dict[str, Any] = {
        "model": model.id,
        "max_tokens": max_tokens,
        "system": [{**text(frame.system), "cache_control": _CACHED}],
        "messages": _with_breakpoints(messages),
        "output_config": frame.output_config,
        "stream": True,
    }
    if frame.tools:
        request["tools"] = frame.tools
    if frame.thinking is not None:
        request["thinking"] = frame.thinking
    return request


def _with_breakpoints(messages: Sequence[Message]) -> list[Message]:
    """Mark the ends of the last two user messages for the prompt cache.

    The older mark is where the request before wrote its entry, so it is found however many
    blocks lie between (the service itself looks back over some twenty); the newer one writes
    the entry for the next request. With the system prompt's that is three marks of four.
    """
    marked = list(messages)
    users = [i for i, message in enumerate(messages) if message["role"] == "user"]
    for i in users[-2:]:
        *blocks, last = messages[i]["content"]
        marked[i] = {**messages[i], "content": [*blocks, {**last, "cache_control": _CACHED}]}
    return marked


def prompt_bound(frame: Frame, last: Segment | None, message: Message | None, model: Model) -> int:
    """The most tokens that the prompt can have.

    After the first turn, what the service counted for the turn before, answer included, and one
    token for each byte that is new. A prompt beyond the context window is refused unbilled.
    """
    new = _size(message) if message is not None else 0
    if last is None:
        counted = SERVICE_TOKENS + _size(frame.model_dump(mode="json"))
    else:
        counted = last.usage.total_tokens
    return min(counted + new, model.context_window)


def conversation_bound(frame: Frame, messages: Sequence[Message], model: Model) -> int:
    """The most tokens that a prompt can have of which the service has counted nothing yet for
    `model`: other models split text into other tokens."""
    size = _size(frame.model_dump(mode="json")) + sum(map(_size, messages))
    return min(SERVICE_TOKENS + size, model.context_window)


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())
