"""Tool calls that need a person's word: what is asked, and whether an answer fits the call.

An activity does not wait. It says what to ask, with the hash of exactly what would run; the
workflow asks, and calls again with the decision.
"""

from __future__ import annotations

import json

from cadre.domain.decisions import MAX_TEXT_CHARS, Decided, digest
from cadre.domain.permissions import Decision, Outcome
from cadre.domain.turns import ToolAsks, ToolCall
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import ToolOutput

# What a question shows of a call's arguments; the object store has all of them.
MAX_SHOWN_CHARS = MAX_TEXT_CHARS - 1000


class Asking:
    """Decides what becomes of a call by what permissions and, where they ask, a person say."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def against(
        self, call: ToolCall, given: object, decision: Decision
    ) -> ToolOutput | ToolAsks | None:
        """What the model is told instead, or what to ask a person first; None: the call may run."""
        if decision.outcome is Outcome.ALLOW:
            return None
        if decision.outcome is Outcome.DENY or not call.may_ask:
            return not_allowed(decision)
        whole = json.dumps(
            {"tool": call.use.name, "input": given}, indent=1, sort_keys=True, ensure_ascii=False
        )
        if call.decision is not None:
            return _rejected(call.decision, digest(whole))
        key = keys.tool_asked(call.run, call.agent_id, call.turn, call.use.id)
        await self._objects.put(key, whole)
        return ToolAsks(why=decision.why, shown=_shown(whole), key=key, sha256=digest(whole))


def _rejected(decided: Decided, sha256: str) -> ToolOutput | None:
    if decided.subject_sha256 != sha256:
        text = "Denied: the decision was about another call. Nothing was run."
    elif decided.approved:
        return None
    else:
        text = f"Denied: {decided.words}. Nothing was run."
    return ToolOutput(text, is_error=True, denied=True)


def _shown(whole: str) -> str:
    if len(whole) <= MAX_SHOWN_CHARS:
        return whole
    return f"{whole[:MAX_SHOWN_CHARS]}\n… cut; `cadre approvals` shows all {len(whole)} characters"


def not_allowed(decision: Decision) -> ToolOutput:
    """What the model is told of a call that was not run, and that nobody is asked about."""
    text = f"Denied: {decision.why}. Nothing was run."
    if decision.outcome is Outcome.ASK:
        text = f"Denied: {decision.why}; nobody can be asked here. Nothing was run."
    return ToolOutput(text, is_error=True, denied=True)
