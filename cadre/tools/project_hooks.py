"""The hooks in a repository's settings, as far as they can be run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import ValidationError

from cadre.domain.frontmatter import shown
from cadre.domain.hooks import MAX_HOOKS, MAX_TIMEOUT_SECONDS, Hook, HookEvent, tools_of_matcher
from cadre.domain.rules import problem

HANDLER_KEYS = ("type", "command", "args", "timeout", "if", "onFailure")


def read_hooks(given: object, tools: Collection[str]) -> tuple[tuple[Hook, ...], list[str]]:
    """The hooks before and after tools, and the names of what has no meaning here.

    Raises ValueError with the reason where one cannot be run as it is meant.
    """
    if not isinstance(given, dict):
        raise _unfit("`hooks` must be an object")
    events = tuple(HookEvent)
    ignored = [f"hooks.{event}" for event in given if event not in events]
    found: list[Hook] = []
    for event in events:
        groups = given.get(event, [])
        if not isinstance(groups, list):
            raise _unfit(f"hooks.{event} must be a list")
        for group in groups:
            for handler, matched in _handlers(event, group):
                ignored += [str(key) for key in handler if key not in HANDLER_KEYS]
                found.append(_hook(event, matched, handler, tools))
    if len(found) > MAX_HOOKS:
        raise _unfit(f"more than {MAX_HOOKS} hooks")
    return tuple(found), list(dict.fromkeys(ignored))


def _handlers(
    event: HookEvent, group: object
) -> list[tuple[dict[str, Any], tuple[str, ...] | None]]:
    """The handlers of a group, each with the tools that the group is for."""
    handlers = group.get("hooks") if isinstance(group, dict) else None
    if not isinstance(group, dict) or not isinstance(handlers, list):
        raise _unfit(f"hooks.{event}: each entry must be an object with `hooks`")
    if not all(isinstance(h, dict) and h.get("type") == "command" for h in handlers):
        raise _unfit(f"hooks.{event}: only hooks of the type command can be run")
    matcher = group.get("matcher", "")
    try:
        matched = tools_of_matcher(matcher if isinstance(matcher, str) else "(")
    except ValueError as error:
        what = f"the matcher {shown(str(matcher))} is no list of tools"
        raise _unfit(f"hooks.{event}: {what}") from error
    return [(handler, matched) for handler in handlers]


def _hook(
    event: HookEvent,
    matched: tuple[str, ...] | None,
    given: dict[str, Any],
    tools: Collection[str],
) -> Hook:
    condition, timeout = given.get("if"), given.get("timeout")
    if condition is not None and (
        not isinstance(condition, str) or problem(condition, tools) is not None
    ):
        raise _unfit(f"hooks.{event}: `if` is no rule")
    fields = {
        "event": event,
        "tools": matched,
        "command": given.get("command"),
        "args": given.get("args"),
        "condition": condition,
        "blocks_on_failure": given.get("onFailure") == "block",
    }
    if timeout is not None:
        fields["timeout"] = _seconds(timeout)
    try:
        return Hook.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _unfit(f"hooks.{event}: {where}: {first['msg']}") from error


def _unfit(reason: str) -> ValueError:
    return ValueError(reason)


def _seconds(given: object) -> object:
    """A timeout within the engine's bounds; anything that is no number is left to the model."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return str(given)
    return max(1, round(min(given, MAX_TIMEOUT_SECONDS)))
