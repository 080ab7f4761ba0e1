"""Agent definitions, and what a run makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from cadre.domain.base import Value
from cadre.domain.permissions import Layer, PermissionMode, Permissions
from cadre.domain.rules import WRITE_TOOLS
from cadre.domain.usage import Model

# The tool by which an agent has sub-agents.
TASK = "Task"
# Every tool that Cadre has, in the order in which they are offered to the model.
TOOL_NAMES = ("Read", "Glob", "Grep", "Bash", "Write", "Edit", TASK)


class AgentDefinition(Value):
    """An agent file as it was read: Markdown with Claude Code's frontmatter.

    `tools` is None where the file names none, which means all that the run allows. `only` holds
    its tools as rules where it names any with a specifier, `deny` what it disallows in part.
    `source` says where it came from ("built-in", or a path in the repository); `sha256` is of the
    file's bytes; `warnings` tell what was left out and why, one line each.
    """

    name: str
    description: str
    instructions: str
    tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    model: str | None = None
    fallback_model: str | None = None
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


class HelperLine(Value):
    """A sub-agent that an agent may ask for with the tool Task: its name, what it is for, and
    whether it can write."""

    name: str
    description: str
    writes: bool


class Agent(Value):
    """A definition resolved for one run: which tools it really has, on which model. `fallback` is
    the cheaper model that may go on where the budget runs short.

    `definition_key` names the whole definition in the object store, `sha256` its file's hash.
    """

    name: str
    role: Role
    definition_key: str
    sha256: str
    source: str
    tools: tuple[str, ...]
    permissions: Permissions = Permissions()
    model: Model
    fallback: Model | None = None
    effort: str | None = None
    max_turns: int | None = None
    helpers: tuple[HelperLine, ...] = ()


def as_helper_of(asker: Agent, helper: Agent) -> Agent:
    """A sub-agent as this agent may have it: bound by what binds the asker as well, and one that
    must not write asks nobody to write."""
    permissions = helper.permissions.within(asker.permissions)
    helper = helper.model_copy(update={"permissions": permissions})
    if asker.role.writes or not helper.role.writes:
        return helper
    tools = tuple(tool for tool in helper.tools if tool not in WRITE_TOOLS)
    return helper.model_copy(
        update={"tools": tools, "role": helper.role.model_copy(update={"writes": False})}
    )


def layer_of(definition: AgentDefinition) -> Layer:
    """What a definition says about permissions; it can only narrow what the run allows."""
    return Layer(
        source=f"the definition of {definition.name}",
        mode=definition.permission_mode,
        deny=definition.deny,
        only=definition.only,
    )


def allowed_tools(
    definition: AgentDefinition,
    role: Role,
    disallowed: Sequence[str] = (),
    names: Sequence[str] = TOOL_NAMES,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tools that `definition` gets in `role`, and a line for each thing it asked for in vain.

    `names` are all tools that there are. The role and the run only ever narrow what a definition
    asks for.
    """
    # Sub-agents cost money, so nobody has the tool Task who does not name it.
    wanted = [n for n in names if n != TASK] if definition.tools is None else definition.tools
    refused = set(disallowed) | set(definition.disallowed_tools)
    if not role.writes or definition.permission_mode is PermissionMode.PLAN:
        refused |= set(WRITE_TOOLS)
    notes: list[str] = []
    denied = [t for t in wanted if t in refused and definition.tools is not None]
    if denied:
        notes.append(
            f"agent {definition.name}: {', '.join(denied)} not allowed in the role {role.name}"
        )
    return tuple(t for t in names if t in wanted and t not in refused), tuple(notes)


def asking(definition: AgentDefinition, tools: Sequence[str], run: PermissionMode | None) -> str:
    """What a user should know of an agent whose calls would wait for a person; empty if none do."""
    for who, mode in (("the run's", run), ("its", definition.permission_mode)):
        if mode not in (PermissionMode.DEFAULT, PermissionMode.ACCEPT_EDITS):
            continue
        asked = ("Bash",) if mode is PermissionMode.ACCEPT_EDITS else ("Bash", *WRITE_TOOLS)
        if had := ", ".join(tool for tool in asked if tool in tools):
            return (
                f"agent {definition.name}: {who} permission mode {mode} asks a person about "
                f"{had} where no rule allows it"
            )
    return ""
