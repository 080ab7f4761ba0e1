"""From an answer to what is kept of it, and from what is kept to the turn's outcome.

The outcome is computed from the stored segment alone, so a retry that finds the segment comes to
the same outcome as the attempt that stored it.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from cadre.domain.base import Value
from cadre.domain.reports import MAX_REPORT_BYTES
from cadre.domain.turns import BadReport, Declined, Interrupted, Reported, ToolsWanted, ToolUse
from cadre.llm.answer import Answer
from cadre.llm.segment import Block, Segment

# More tool calls than this in one answer would crowd the history; the rest is left out.
MAX_TOOL_USES = 64
EMPTY_ANSWER: Block = {"type": "text", "text": "(no answer)"}
_SPOKEN = ("text", "tool_use", "server_tool_use")


def kept_content(answer: Answer) -> list[Block]:
    """The blocks of an answer that may be sent back with the next request.

    - A tool use stays only where the model waits for its result: the others never ran, and
      their inputs may be cut off. What follows on one that is left out goes with it, since
      thinking is bound to all that stood before it.
    - Thinking without its signature was cut off, and would be refused.
    - Text without a word in it would be refused.
    """
    kept: list[Block] = []
    limit = MAX_TOOL_USES if answer.stop_reason == "tool_use" else 0
    broken = False
    for block in answer.content:
        kind = block["type"]
        if kind == "tool_use":
            if limit == 0:
                break
            limit -= 1
            broken = broken or block["id"] in answer.invalid_inputs
        # An input that was no JSON is not sent back as it was, so later thinking does not fit.
        unsigned = kind == "thinking" and not block.get("signature")
        unfit = unsigned or (broken and kind in ("thinking", "redacted_thinking"))
        wordless = kind == "text" and not block.get("text", "").strip()
        if not unfit and not wordless:
            kept.append(block)
    return kept if any(block["type"] in _SPOKEN for block in kept) else [*kept, EMPTY_ANSWER]


def outcome_of(
    segment: Segment,
    report_type: type[Value],
    report_key: str,
    describe: Callable[[Block], ToolUse],
) -> ToolsWanted | Reported | BadReport | Interrupted | Declined:
    """What the agent's turn came to. `describe` tells what a `tool_use` block would do."""
    match segment.stop_reason:
        case "tool_use":
            uses = [describe(b) for b in segment.assistant if b["type"] == "tool_use"]
            if not uses:
                return BadReport(reason="the answer announces tool calls, but holds none")
            return ToolsWanted(uses=tuple(uses))
        case "max_tokens":
            return Interrupted(why="max_tokens")
        case "pause_turn":
            return Interrupted(why="pause_turn")
        case "refusal":
            return Declined(why="refusal", detail=_refusal(segment))
        case "model_context_window_exceeded":
            return Declined(why="context_window", detail="the model's context window is full")
        case _:
            return _report(segment, report_type, report_key)


def _report(segment: Segment, report_type: type[Value], key: str) -> Reported | BadReport:
    text = "".join(b["text"] for b in segment.assistant if b["type"] == "text").strip()
    if segment.assistant[-1] == EMPTY_ANSWER:
        return BadReport(reason="the answer is empty")
    if len(text.encode()) > MAX_REPORT_BYTES:
        return BadReport(
            reason=f"it has {len(text.encode())} bytes, more than the {MAX_REPORT_BYTES} allowed"
        )
    try:
        report = report_type.model_validate_json(text)
    except ValidationError as error:
        return BadReport(reason=_first_error(error))
    return Reported(key=key, report=report.model_dump(mode="json"))


def _first_error(error: ValidationError) -> str:
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(others)} more)" if others else ""
    return " ".join(f"{where + ': ' if where else ''}{first['msg']}{more}".split())[:300]


def _refusal(segment: Segment) -> str:
    details = segment.stop_details or {}
    told = [str(details[name]) for name in ("category", "explanation") if details.get(name)]
    return " ".join(": ".join(["the model refused", *told]).split())[:300]
