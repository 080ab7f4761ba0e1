"""Hooks before and after a tool, as Claude Code's settings define them, and what they answer."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from cadre.domain.base import Value
from cadre.domain.rules import Request, parse_rule

MAX_HOOKS = 16
MAX_COMMAND_CHARS = 1000
MAX_TEXT_CHARS = 4000
DEFAULT_TIMEOUT_SECONDS = 60
MAX_TIMEOUT_SECONDS = 120
_NAME = re.compile(r"\^?([A-Za-z0-9_-]+)(\.?\*)?\$?")


class HookEvent(StrEnum):
    """When a hook runs."""

    BEFORE = "PreToolUse"
    AFTER = "PostToolUse"


class Hook(Value):
    """A command of the repository's that runs in the sandbox around a tool call.

    `tools` are the names of the tools that it is for, or how they begin before a star, None for
    all; `condition` is a rule that
    the call must match besides. `timeout` is in seconds. `args` are passed without a shell.
    `blocks_on_failure`: a call is denied where the hook fails otherwise than by its own word.
    """

    event: HookEvent
    tools: tuple[str, ...] | None = None
    command: str = Field(max_length=MAX_COMMAND_CHARS)
    args: tuple[str, ...] | None = None
    condition: str | None = None
    timeout: int = Field(default=DEFAULT_TIMEOUT_SECONDS, ge=1, le=MAX_TIMEOUT_SECONDS)
    blocks_on_failure: bool = False

    def is_for(self, event: HookEvent, request: Request) -> bool:
        """Whether it runs at this point of a call."""
        return (
            self.event is event
            and (self.tools is None or any(_names(tool, request.tool) for tool in self.tools))
            and (self.condition is None or parse_rule(self.condition).denies(request))
        )


class HookAnswer(NamedTuple):
    """What a hook says: whether it is against the call, why, and what else the agent is told.
    `asks`: a person shall say, and the reason is why."""

    against: bool = False
    reason: str = ""
    context: str = ""
    asks: bool = False


def tools_of_matcher(matcher: str) -> tuple[str, ...] | None:
    """The tools that a matcher names, None for all. Raises ValueError for other patterns.

    `Edit|Write` and `mcp__.*` are what is in use; any regular expression of a stranger's could
    keep the engine busy for ever.
    """
    if matcher.strip() in ("", "*", ".*"):
        return None
    found = [_NAME.fullmatch(part.strip()) for part in re.split(r"[|,]", matcher)]
    return tuple(_name(part, matcher) for part in found)


def _name(found: re.Match[str] | None, matcher: str) -> str:
    if found is None:
        raise ValueError(matcher)
    return found[1] + ("*" if found[2] else "")


def _names(pattern: str, tool: str) -> bool:
    return tool.startswith(pattern[:-1]) if pattern.endswith("*") else tool == pattern


def answer_of(event: HookEvent, exit_code: int, said: str, complaint: str) -> HookAnswer | None:
    """What a hook answers that ended by itself: `said` on standard output, `complaint` on standard
    error. None where it failed, which is no answer.

    It can be against a call, have a person asked, and tell the agent something. That it is for a
    call changes nothing.
    """
    if exit_code == 2:
        return HookAnswer(against=True, reason=_cut(complaint))
    if exit_code != 0:
        return None
    answer = _object(said)
    specific = answer.get("hookSpecificOutput")
    given = specific if isinstance(specific, dict) else {}
    context = _cut(given.get("additionalContext"))
    if answer.get("continue") is False:
        return HookAnswer(against=True, reason=_cut(answer.get("stopReason")), context=context)
    said_of_it = given.get("permissionDecision") if event is HookEvent.BEFORE else None
    reason = _cut(given.get("permissionDecisionReason"))
    if said_of_it in ("deny", "defer"):
        return HookAnswer(against=True, reason=reason, context=context)
    if event is HookEvent.BEFORE and given.get("updatedInput") is not None:
        return HookAnswer(against=True, reason="it wants another input, which is not supported")
    if answer.get("decision") in ("block", "deny"):
        return HookAnswer(against=True, reason=_cut(answer.get("reason")), context=context)
    if said_of_it == "ask":
        return HookAnswer(reason=reason, context=context, asks=True)
    return HookAnswer(context=context)


def _object(said: str) -> dict[str, object]:
    """The JSON object that a hook printed; anything else says nothing."""
    if not said.lstrip().startswith("{"):
        return {}
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _cut(text: object) -> str:
    if not isinstance(text, str):
        return ""
    text = text.strip().encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"
