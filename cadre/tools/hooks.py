"""Runs the repository's hooks around a tool call: in the sandbox, on the workspace, like the call.

What a hook changes is part of the call, so it is undone and repeated with it. A hook may be
against a call, have a person asked about it, and tell the agent something; nothing that it says or
does allows anything.
"""

from __future__ import annotations

import json
import posixpath
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cadre.domain.hooks import Hook, HookAnswer, HookEvent, answer_of
from cadre.domain.permissions import Permissions
from cadre.domain.render import cell
from cadre.domain.rules import Request
from cadre.tools.sandbox import Completed
from cadre.tools.targets import WORKSPACE
from cadre.tools.tool import ToolContext, ToolOutput

# All hooks before a call, and all after it, may take this long together.
TOTAL_SECONDS = 240
OUTPUT_LIMIT = 64 * 1024
MAX_RESPONSE_CHARS = 30_000
NAME_CHARS = 60
# What a person is shown of why a hook asks them.
REASON_CHARS = 500
# Standard error comes after a NUL, since the sandbox has one stream for both.
SEPARATELY = 'f=$(mktemp) && { "$@" 2>"$f"; s=$?; printf "\\0"; head -c 8000 "$f"; exit "$s"; }'


class Around(NamedTuple):
    """A call as the hooks around it are told of it."""

    permissions: Permissions
    request: Request
    session: str
    use_id: str
    input: Mapping[str, object]


@dataclass(frozen=True)
class Said:
    """What hooks said: why one was against the call (empty if none was), why one wants a person
    asked (empty if none does), and what the agent is told, each with the hook's name."""

    against: str = ""
    texts: tuple[str, ...] = ()
    asks: str = ""

    def added_to(self, output: ToolOutput) -> ToolOutput:
        """A tool's output with what the hooks add to it."""
        return replace(output, content="\n\n".join((output.content, *self.texts)))


async def before(around: Around, context: ToolContext) -> Said:
    """Run the hooks before a call; the first that is against it ends the row. One that asks does
    not: another one may be against it."""
    return await _run(HookEvent.BEFORE, around, context, {})


async def after(around: Around, context: ToolContext, output: ToolOutput) -> Said:
    """Run the hooks after a call that went well; what one has against it is text for the agent."""
    response = {"content": output.content[:MAX_RESPONSE_CHARS], "is_error": output.is_error}
    return await _run(HookEvent.AFTER, around, context, {"tool_response": response})


async def _run(
    event: HookEvent, around: Around, context: ToolContext, more: Mapping[str, object]
) -> Said:
    permissions = around.permissions
    hooks = [hook for hook in permissions.hooks if hook.is_for(event, around.request)]
    if not hooks:
        return Said()
    given = _given(event, around, context.root) | dict(more)
    texts: list[str] = []
    asks = ""
    deadline = time.monotonic() + TOTAL_SECONDS
    for hook in hooks:
        seconds = min(hook.timeout, deadline - time.monotonic())
        done = await _start(hook, given, context, seconds) if seconds > 0 else None
        answer = _answer(hook, done)
        heard = permissions.hooks_speak
        if answer.context and heard:
            texts.append(_told(hook, answer.context))
        if answer.against:
            reason = _told(hook, answer.reason or "no") if heard else _unheard(hook)
            if event is HookEvent.BEFORE:
                return Said(reason, tuple(texts))
            texts.append(reason)
        elif answer.asks and not asks:
            asks = _asking(hook, answer.reason) if heard else _asking(None)
    return Said(texts=tuple(texts), asks=asks)


async def _start(
    hook: Hook, given: Mapping[str, object], context: ToolContext, seconds: float
) -> Completed:
    command = ["bash", "-c", hook.command] if hook.args is None else [hook.command, *hook.args]
    env = {**context.env, "CLAUDE_PROJECT_DIR": context.root}
    return await replace(context, env=env).run(
        ["bash", "-c", SEPARATELY, "hook", *command],
        timeout=seconds,
        output_limit=OUTPUT_LIMIT,
        stdin=json.dumps(given).encode(),
    )


def _answer(hook: Hook, done: Completed | None) -> HookAnswer:
    """What a hook answers, or what its failing comes to.

    One that the engine had to end is against the call: an agent could bring that about.
    """
    before_call = hook.event is HookEvent.BEFORE
    if done is None or done.timed_out or done.out_of_memory:
        how = "it took too much memory" if done and done.out_of_memory else "it took too long"
        return HookAnswer(against=before_call, reason=how, context="" if before_call else how)
    said, _, complaint = done.output.decode("utf-8", "replace").partition("\0")
    answer = answer_of(hook.event, done.exit_code, said, complaint)
    if answer is not None:
        return answer
    how = f"it failed with status {done.exit_code}"
    if hook.blocks_on_failure and before_call:
        return HookAnswer(against=True, reason=how)
    return HookAnswer(context=f"{how}: {complaint.strip()[:NAME_CHARS]}".rstrip(": "))


def _told(hook: Hook, text: str) -> str:
    return f"[The repository's {hook.event.value} hook `{_name(hook)}` says: {text}]"


def _name(hook: Hook) -> str:
    return hook.command if len(hook.command) <= NAME_CHARS else f"{hook.command[:NAME_CHARS]}…"


def _asking(hook: Hook | None, reason: str = "") -> str:
    """Why a person is asked; without the hook, whose words the agent must not hear, should nobody
    be there to be asked."""
    if hook is None:
        return "a hook of the repository asks a person"
    why = f" ({cell(reason, REASON_CHARS)})" if reason else ""
    return f"the repository's hook `{cell(_name(hook))}` asks a person{why}"


def _unheard(hook: Hook) -> str:
    return f"[A {hook.event.value} hook of the repository is against this call.]"


def _given(event: HookEvent, around: Around, root: str) -> dict[str, Any]:
    """What Claude Code tells a hook; there is no transcript to read."""
    asked = dict(around.input)
    path = asked.get("file_path")
    if isinstance(path, str):
        asked["file_path"] = posixpath.normpath(
            posixpath.join(root, path.removeprefix(f"{WORKSPACE}/"))
        )
    return {
        "session_id": around.session,
        "transcript_path": "",
        "cwd": root,
        "permission_mode": around.permissions.mode.value,
        "hook_event_name": event.value,
        "tool_name": around.request.tool,
        "tool_input": asked,
        "tool_use_id": around.use_id,
    }
