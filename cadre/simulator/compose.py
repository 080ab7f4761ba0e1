"""From a scenario's answer to the message that the service would send."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cadre.simulator.errors import ApiError, Json
from cadre.simulator.faults import Fault, FaultKind
from cadre.simulator.models import BETWEEN
from cadre.simulator.prompt import CHARACTERS_PER_TOKEN, Piece, Prompt, estimate, normal
from cadre.simulator.scenario import Answer, Part, Report, Say, Think, Use
from cadre.simulator.thinking import before_answer, sign, tool_use_id

_NO_SUCH_TOOL = "NoSuchTool"
_CUT_SHORT = (FaultKind.MAX_TOKENS, FaultKind.BROKEN_INPUT)
_STOPS: dict[FaultKind | None, str] = {
    FaultKind.MAX_TOKENS: "max_tokens",
    FaultKind.REFUSAL: "refusal",
    FaultKind.PAUSE_TURN: "pause_turn",
    FaultKind.CONTEXT_WINDOW: "model_context_window_exceeded",
}


@dataclass(frozen=True)
class Block:
    """A content block. `body` is its text, its thinking, or the JSON of its tool input;
    `tokens` is what it costs, which for thinking is more than what is shown."""

    kind: str
    body: str
    tokens: int
    id: str = ""
    name: str = ""
    signature: str = ""
    whole: bool = True

    def start(self) -> Json:
        """The block before its first delta."""
        if self.kind == "tool_use":
            return {"type": "tool_use", "id": self.id, "name": self.name, "input": {}}
        signed = {"signature": ""} if self.kind == "thinking" else {}
        return {"type": self.kind, self.kind: "", **signed}

    def final(self) -> Json:
        """The block as a whole; a tool input that was cut off stays empty."""
        block = self.start()
        if self.kind == "tool_use":
            return {**block, "input": json.loads(self.body) if self.whole else {}}
        signed = {"signature": self.signature} if self.kind == "thinking" else {}
        return {**block, self.kind: self.body, **signed}


@dataclass(frozen=True)
class Message:
    """An answer as the service sends it; `usage` covers prompt and answer."""

    id: str
    model: str
    blocks: tuple[Block, ...]
    stop_reason: str
    usage: Json

    def envelope(self) -> Json:
        """The message without content, stop reason and final usage."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def stop(self) -> Json:
        """How the answer ended."""
        details = {"type": "refusal", "category": None, "explanation": None}
        return {
            "stop_reason": self.stop_reason,
            "stop_sequence": None,
            "stop_details": details if self.stop_reason == "refusal" else None,
        }

    def final(self) -> Json:
        """The whole message."""
        content = [block.final() for block in self.blocks]
        return {**self.envelope(), **self.stop(), "content": content, "usage": self.usage}


def compose(prompt: Prompt, answer: Answer, fault: Fault | None, prompt_usage: Json) -> Message:
    """The message for `answer`, as `fault` and the request's `max_tokens` leave it.

    Raises ApiError (400) where the scenario does what no model could.
    """
    parts, kind = _fitting(prompt, answer.parts), fault.kind if fault else None
    if kind is FaultKind.UNKNOWN_TOOL:
        parts = [*(p for p in parts if not isinstance(p, Use | Report)), Use(_NO_SUCH_TOOL)]
    blocks = _blocks(prompt, parts)
    stop_reason = "tool_use" if any(b.kind == "tool_use" for b in blocks) else "end_turn"
    limit = int(prompt.body.get("max_tokens", prompt.traits.max_tokens))
    if kind in _CUT_SHORT:
        blocks = halve_last(blocks)
    elif kind in _STOPS:
        blocks = [block for block in blocks if block.kind != "tool_use"]
    stop_reason = _STOPS.get(kind, stop_reason)
    if sum(block.tokens for block in blocks) > limit:
        blocks, stop_reason = _cut(blocks, limit), "max_tokens"
    output = sum(block.tokens for block in blocks)
    thought = sum(block.tokens for block in blocks if block.kind == "thinking")
    usage = {
        **prompt_usage,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thought},
        "service_tier": "standard",
    }
    identity = f"msg_01{secrets.token_hex(11)}"
    return Message(identity, prompt.traits.id, tuple(_sign(prompt, blocks)), stop_reason, usage)


def halve_last(blocks: Sequence[Block]) -> list[Block]:
    """The blocks with the last one cut in its middle."""
    if not blocks:
        return []
    last = blocks[-1]
    body = last.body[: len(last.body) // 2]
    return [*blocks[:-1], replace(last, body=body, tokens=estimate(body), whole=False)]


def _fitting(prompt: Prompt, parts: Sequence[Part]) -> list[Part]:
    """The parts as this model gives them: without thinking where it is off, and with the text
    before tool uses as thinking where the model does so."""
    between = prompt.thinking == BETWEEN
    first = not any(piece.said.get("type") == "tool_result" for piece in prompt.turns[-1].pieces)
    thinks = prompt.thinking is not None and not (between and first)
    hides = prompt.traits.hides_text and prompt.thinking is not None and not between
    uses = any(isinstance(part, Use) for part in parts)
    fitting: list[Part] = []
    for part in parts:
        if isinstance(part, Think) and not thinks:
            continue
        if isinstance(part, Say) and uses and hides:
            fitting.append(Think(part.text))
        else:
            fitting.append(part)
    return fitting


def _blocks(prompt: Prompt, parts: Sequence[Part]) -> list[Block]:
    tools = {tool["name"] for tool in prompt.body.get("tools") or []} | {_NO_SUCH_TOOL}
    blocks: list[Block] = []
    for part in parts:
        match part:
            case Think(text):
                blocks.append(Block("thinking", text, estimate(text)))
            case Say(text):
                blocks.append(Block("text", text, estimate(text)))
            case Report(report):
                text = json.dumps(report, ensure_ascii=False)
                blocks.append(Block("text", text, estimate(text)))
            case Use(tool, value, offered):
                if offered and tool not in tools:
                    raise ApiError(
                        400, f"simulator: the scenario uses {tool}, which is not offered"
                    )
                thoughts = sum(block.kind == "thinking" for block in blocks)
                identity = tool_use_id(prompt.traits.id, thoughts)
                text = json.dumps(value, ensure_ascii=False)
                tokens = estimate(tool + text)
                blocks.append(Block("tool_use", text, tokens, id=identity, name=tool))
    return blocks


def _cut(blocks: Sequence[Block], limit: int) -> list[Block]:
    kept: list[Block] = []
    for block in blocks:
        if block.tokens <= limit:
            kept.append(block)
            limit -= block.tokens
            continue
        body = block.body[: limit * CHARACTERS_PER_TOKEN]
        return [*kept, replace(block, body=body, tokens=limit, whole=False)] if limit else kept
    return kept


def _sign(prompt: Prompt, blocks: Sequence[Block]) -> list[Block]:
    """The blocks with their thinking signed, and hidden where the request hides it."""
    before = before_answer(prompt)
    signed: list[Block] = []
    for block in blocks:
        done = block
        if block.kind == "thinking":
            body = block.body if prompt.shows_thinking else ""
            signature = sign(prompt.traits.id, before, body) if block.whole else ""
            done = replace(block, body=body, signature=signature)
        said = done.final()
        before.add(Piece("assistant", "", said, normal(said)))
        signed.append(done)
    return signed
