"""Agent files: Markdown with Claude Code's frontmatter, read into a definition.

A file written for Claude Code loads unchanged. What Cadre has not (a tool, a feature) is left out
with a warning; what makes no sense (no name, a wrong type) is refused with file, line and reason.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from cadre.domain.agent_tools import ToolList, tool_list
from cadre.domain.agents import TOOL_NAMES, AgentDefinition
from cadre.domain.frontmatter import Document, Entry, malformed, parse_document, shown
from cadre.domain.permissions import PermissionMode

NAME_PATTERN = r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?"
EFFORTS = ("low", "medium", "high", "xhigh", "max")
MAX_WARNINGS = 20
MAX_TURNS_DIGITS = 6

# Spellings that are found in the wild, by the one that Claude Code documents.
SPELLINGS = {
    "allowed_tools": "tools",
    "allowed-tools": "tools",
    "allowedTools": "tools",
    "disallowed_tools": "disallowedTools",
    "disallowed-tools": "disallowedTools",
}
USED = (
    *("name", "description", "tools", "disallowedTools", "model", "effort", "permissionMode"),
    "fallbackModel",  # Cadre's own; Claude Code ignores it
)
COSMETIC = ("color",)
NOT_YET = ("mcpServers", "skills", "hooks", "memory", "background", "isolation", "initialPrompt")
KNOWN = frozenset((*USED, "maxTurns", *COSMETIC, *NOT_YET, *SPELLINGS))

# Modes that Cadre's enum has not: both refuse what they would have to ask a person for.
MODES = {"manual": PermissionMode.DEFAULT, "dontAsk": PermissionMode.DEFAULT}


def parse_agent_file(
    text: bytes | str, source: str, tools: Sequence[str] = TOOL_NAMES
) -> AgentDefinition:
    """Read an agent file of at most 64 KiB; `source` says in messages where it came from, `tools`
    are all that there are.

    Raises CadreError(WRONG_INPUT) with one line `<source>:<line>: <reason>`.
    """
    data = text.encode() if isinstance(text, str) else text
    document = parse_document(data, source, KNOWN)
    return _Reader(document, source, tools).definition(hashlib.sha256(data).hexdigest())


class _Reader:
    """One pass over a document's entries, gathering warnings."""

    def __init__(self, document: Document, source: str, tools: Sequence[str]) -> None:
        self._document = document
        self._source = source
        self._tools = tuple(tools)
        self._warnings: list[str] = []
        self._entries = self._by_documented_name(document.entries)

    def definition(self, sha256: str) -> AgentDefinition:
        name, body = self._name(), self._document.body
        if not body:
            line = self._document.body_line
            raise malformed(self._source, line, "there are no instructions under the frontmatter")
        if not self._text("description"):
            self._warn("it has no description")
        self._warn_of_what_has_no_effect()
        tools = self._tool_list("tools")
        disallowed = self._tool_list("disallowedTools") or ToolList()
        self._warn_of_unknown(tools)
        return AgentDefinition(
            name=name,
            description=self._text("description") or "",
            instructions=body,
            tools=None if tools is None or tools.everything else tools.names,
            only=(*tools.whole, *tools.rules)
            if tools and tools.rules and not tools.everything
            else (),
            disallowed_tools=self._tools if disallowed.everything else disallowed.whole,
            deny=disallowed.rules,
            model=self._text("model"),
            fallback_model=self._text("fallbackModel"),
            effort=self._effort(),
            permission_mode=self._permission_mode(),
            max_turns=self._max_turns(),
            source=self._source,
            sha256=sha256,
            warnings=self._bounded_warnings(),  # last: what stands above adds to them
        )

    def _by_documented_name(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for key, entry in entries.items():
            name = SPELLINGS.get(key, key)
            if name in found:
                raise malformed(self._source, entry.line, f"`{name}` is given twice")
            found[name] = entry
        return found

    def _text(self, key: str) -> str | None:
        """The text under `key`; None where there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if not isinstance(entry.value, str):
            raise malformed(self._source, entry.line, f"`{key}` must be text")
        return entry.value.strip() or None

    def _name(self) -> str:
        name = self._text("name")
        if name is None:
            line = self._entries["name"].line if "name" in self._entries else 1
            raise malformed(self._source, line, "the frontmatter has no `name`")
        if not re.fullmatch(NAME_PATTERN, name):
            reason = f"`name` must be lower-case letters, digits and hyphens, not {shown(name)!r}"
            raise malformed(self._source, self._entries["name"].line, reason)
        return name

    def _tool_list(self, key: str) -> ToolList | None:
        """The tools under `key`, from a list or text with commas; None where it says nothing."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if isinstance(entry.value, str) and not entry.value.strip():
            self._warn(f"`{key}` is empty, which says nothing; `[]` would mean none")
            return None
        items = [entry.value] if isinstance(entry.value, str) else entry.value
        if not isinstance(items, list):
            raise malformed(self._source, entry.line, f"`{key}` must be text or a list")
        if not all(isinstance(item, str) for item in items):
            raise malformed(self._source, entry.line, f"`{key}` must hold names of tools")
        try:
            return tool_list(items, self._tools)
        except ValueError as error:
            raise malformed(self._source, entry.line, f"`{key}`: {error}") from error

    def _warn_of_unknown(self, tools: ToolList | None) -> None:
        for name in () if tools is None or tools.everything else tools.unknown:
            self._warn(f"the tool {shown(name)} is left out: Cadre does not have it")

    def _effort(self) -> str | None:
        effort = self._text("effort")
        if effort is not None and effort not in EFFORTS:
            self._warn(f"the effort {shown(effort)!r} is left out: it is none of {EFFORTS}")
            return None
        return effort

    def _permission_mode(self) -> PermissionMode | None:
        mode = self._text("permissionMode")
        if mode is None:
            return None
        if mode == "auto":
            self._warn("permissionMode auto has no effect: the sandbox is the gate")
            return None
        if mode in MODES:
            self._warn(f"permissionMode {mode} is taken as {MODES[mode].value}")
            return MODES[mode]
        if mode not in tuple(PermissionMode):
            choice = ", ".join(PermissionMode)
            reason = f"`permissionMode` must be one of {choice}, not {shown(mode)!r}"
            raise malformed(self._source, self._entries["permissionMode"].line, reason)
        return PermissionMode(mode)

    def _max_turns(self) -> int | None:
        turns = self._text("maxTurns")
        if turns is None:
            return None
        if not re.fullmatch(rf"0*[1-9][0-9]{{0,{MAX_TURNS_DIGITS - 1}}}", turns, re.ASCII):
            reason = f"`maxTurns` must be a whole number from 1 up, not {shown(turns)!r}"
            raise malformed(self._source, self._entries["maxTurns"].line, reason)
        return int(turns)

    def _warn_of_what_has_no_effect(self) -> None:
        for key in self._entries:
            if key in NOT_YET:
                self._warn(f"`{key}` has no effect: it is not available yet")
            elif key not in KNOWN:
                self._warn(f"`{shown(key)}` is unknown and has no effect")

    def _warn(self, text: str) -> None:
        self._warnings.append(f"{self._source}: {text}")

    def _bounded_warnings(self) -> tuple[str, ...]:
        more = len(self._warnings) - MAX_WARNINGS
        rest = [f"{self._source}: {more} more warnings"] if more > 0 else []
        return (*self._warnings[:MAX_WARNINGS], *rest)
