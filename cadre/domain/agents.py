"""Agent definitions, and what a run makes of them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from cadre.domain.base import Value
from cadre.domain.usage import Model

READ_TOOLS = ("Read", "Glob", "Grep")
WRITE_TOOLS = ("Write", "Edit")
# Every tool that Cadre has, in the order in which they are offered to the model.
TOOL_NAMES = ("Read", "Glob", "Grep", "Bash", "Write", "Edit")


class PermissionMode(StrEnum):
    """Claude Code's permission modes. Without one, the sandbox alone is the gate."""

    DEFAULT = "default"
    ACCEPT_EDITS = "acceptEdits"
    BYPASS = "bypassPermissions"
    PLAN = "plan"


class AgentDefinition(Value):
    """An agent file as it was read: Markdown with Claude Code's frontmatter.

    `tools` is None where the file names none, which means all that the run allows. `source`
    says where it came from ("built-in", or a path in the repository); `sha256` is of the file's
    bytes; `warnings` tell what was left out and why, one line each.
    """

    name: str
    description: str
    instructions: str
    tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    model: str | None = None
    effort: str | None = None
    permission_mode: PermissionMode | None = None
    max_turns: int | None = Field(default=None, ge=1)
    source: str
    sha256: str
    warnings: tuple[str, ...] = ()


class Role(Value):
    """A part in a pattern: which report it owes, and how far its agent may go.

    A role that does not write gets no writing tools and sees the workspace read-only. A locked
    role is a gate: a repository's own definition never fills it unless the user trusts it.
    """

    name: str
    report: str
    writes: bool = False
    locked: bool = False
    model: str = "sonnet"


class Agent(Value):
    """A definition resolved for one run: which tools it really has, on which model.

    `definition_key` names the whole definition in the object store, `sha256` its file's hash.
    """

    name: str
    role: Role
    definition_key: str
    sha256: str
    source: str
    tools: tuple[str, ...]
    model: Model
    effort: str | None = None
    max_turns: int | None = None


def allowed_tools(
    definition: AgentDefinition, role: Role, disallowed: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tools that `definition` gets in `role`, and a line for each thing it asked for in vain.

    The role and the run only ever narrow what a definition asks for.
    """
    wanted = TOOL_NAMES if definition.tools is None else definition.tools
    refused = set(disallowed) | set(definition.disallowed_tools)
    if not role.writes or definition.permission_mode is PermissionMode.PLAN:
        refused |= set(WRITE_TOOLS)
    notes: list[str] = []
    denied = [t for t in wanted if t in refused and definition.tools is not None]
    if denied:
        notes.append(
            f"agent {definition.name}: {', '.join(denied)} not allowed in the role {role.name}"
        )
    if definition.permission_mode is PermissionMode.DEFAULT:
        asks = [t for t in (*WRITE_TOOLS, "Bash") if t in wanted and t not in refused]
        refused |= set(asks)
        if asks:
            notes.append(
                f"agent {definition.name}: permissionMode default asks a person before "
                f"{', '.join(asks)}; nobody can be asked yet, so it runs without them"
            )
    return tuple(t for t in TOOL_NAMES if t in wanted and t not in refused), tuple(notes)
