"""The messages of a request: their shape, and that every tool use is answered."""

from __future__ import annotations

import re
from typing import Any

from cadre.simulator.errors import ApiError, Json, one_of, require
from cadre.simulator.prompt import Turn

_MAX_MESSAGES = 100_000
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_FIELDS = {
    "text": {"type", "text", "cache_control", "citations"},
    "tool_use": {"type", "id", "name", "input", "cache_control", "caller", "toolset_name"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "image": {"type", "source", "cache_control"},
    "document": {"type", "source", "title", "context", "citations", "cache_control"},
}
_ROLES = {
    "user": {"text", "tool_result", "image", "document"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking"},
}


def check_messages(messages: Any) -> None:
    """Refuse messages whose shape the service would not take."""
    require(isinstance(messages, list), "messages: Input should be a valid list")
    require(messages, "messages: at least one message is required")
    require(len(messages) <= _MAX_MESSAGES, f"messages: at most {_MAX_MESSAGES} are allowed")
    for index, message in enumerate(messages):
        _check_message(f"messages.{index}", message)
    require(messages[0]["role"] == "user", 'messages: first message must use the "user" role')


def _check_message(path: str, message: Any) -> None:
    require(isinstance(message, dict), f"{path}: Input should be an object")
    extra = sorted(set(message) - {"role", "content"})
    require(not extra, f"{path}.{''.join(extra[:1])}: Extra inputs are not permitted")
    role, content = message.get("role"), message.get("content")
    require(
        one_of(role, *_ROLES), f"{path}.role: Input should be 'user' or 'assistant', not {role!r}"
    )
    require(isinstance(content, str | list), f"{path}.content: a string or a list of blocks")
    require(content, f"{path}: messages must have non-empty content")
    if isinstance(content, str):
        require(content.strip(), f"{path}: text content blocks must contain non-whitespace text")
        return
    for index, block in enumerate(content):
        _check_block(f"{path}.content.{index}", block, _ROLES[role])


def _check_block(path: str, block: Any, allowed: set[str]) -> None:
    require(isinstance(block, dict), f"{path}: Input should be an object")
    kind = block.get("type")
    require(
        one_of(kind, *allowed), f"{path}.type: {kind!r} is not allowed here, only {sorted(allowed)}"
    )
    extra = sorted(set(block) - _FIELDS[kind])
    require(not extra, f"{path}.{kind}.{''.join(extra[:1])}: Extra inputs are not permitted")
    checks = {"text": _check_text, "tool_use": _check_use, "tool_result": _check_result}
    if kind in checks:
        checks[kind](f"{path}.{kind}", block)
    if kind == "thinking":
        for name in ("thinking", "signature"):
            require(isinstance(block.get(name), str), f"{path}.{kind}.{name}: Field required")


def _check_text(path: str, block: Json) -> None:
    require(isinstance(block.get("text"), str), f"{path}.text: Field required")
    require(block["text"].strip(), f"{path}: text content blocks must contain non-whitespace text")


def _check_use(path: str, block: Json) -> None:
    identity = block.get("id")
    fits = isinstance(identity, str) and _TOOL_ID.fullmatch(identity)
    require(fits, f"{path}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    require(isinstance(block.get("name"), str) and block["name"], f"{path}.name: Field required")
    require(isinstance(block.get("input"), dict), f"{path}.input: Input should be an object")


def _check_result(path: str, block: Json) -> None:
    require(isinstance(block.get("tool_use_id"), str), f"{path}.tool_use_id: Field required")
    content = block.get("content", "")
    require(isinstance(content, str | list), f"{path}.content: a string or a list of blocks")
    require(
        isinstance(block.get("is_error", False), bool | None),
        f"{path}.is_error: Input should be a valid boolean",
    )
    require(
        content or not block.get("is_error"),
        f"{path}: content cannot be empty if `is_error` is true",
    )
    for index, inner in enumerate(content if isinstance(content, list) else []):
        _check_block(f"{path}.content.{index}", inner, {"text", "image", "document"})


def check_tool_uses(turns: tuple[Turn, ...]) -> None:
    """Refuse a conversation in which a tool use has no result in the very next message."""
    seen: set[str] = set()
    open_uses: list[str] = []
    for index, turn in enumerate(turns):
        last = index == len(turns) - 1
        if turn.role == "user":
            _check_answers(turn, open_uses)
            open_uses = []
            continue
        for piece in turn.pieces:
            if piece.said["type"] == "tool_use":
                identity = piece.said["id"]
                require(identity not in seen, f"{piece.path}: `tool_use` ids must be unique")
                seen.add(identity)
                open_uses.append(identity)
        require(not (last and open_uses), "messages: `tool_use` without `tool_result` at the end")


def _check_answers(turn: Turn, uses: list[str]) -> None:
    answered: list[str] = []
    others = 0
    for piece in turn.pieces:
        if piece.said["type"] != "tool_result":
            others += 1
            continue
        identity = piece.said["tool_use_id"]
        if identity not in uses:
            raise ApiError(
                400,
                f"{piece.path}: unexpected `tool_use_id` {identity}: each `tool_result` must "
                "answer a `tool_use` of the message before",
            )
        require(identity not in answered, f"{piece.path}: each `tool_use` has a single result")
        require(not others, f"{piece.path}: `tool_result` blocks must come first in the message")
        answered.append(identity)
    missing = [identity for identity in uses if identity not in answered]
    path = turn.pieces[0].message.removesuffix(".content")
    require(
        not missing,
        f"{path}: every `tool_use` needs its `tool_result` in the very next message; missing: "
        f"{', '.join(missing)}",
    )
