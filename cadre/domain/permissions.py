"""What an agent's tool calls are allowed to do, decided by the engine before anything runs.

A run, the repository's settings and the agent's definition are each a layer with a mode and rules
of its own. A call may do what every layer allows, so a further layer can only narrow.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import NamedTuple

from pydantic import Field

from cadre.domain.base import Value
from cadre.domain.hooks import Hook
from cadre.domain.rules import (
    MAX_RULES,
    READ_TOOLS,
    WRITE_TOOLS,
    Request,
    Rule,
    allowed_by,
    parse_rule,
)

# What no mode asks about: it changes nothing, or starts agents that these layers bind too.
_UNASKED = (*READ_TOOLS, "Task")


class PermissionMode(StrEnum):
    """Claude Code's permission modes. Without one, the sandbox alone is the gate."""

    DEFAULT = "default"
    ACCEPT_EDITS = "acceptEdits"
    BYPASS = "bypassPermissions"
    PLAN = "plan"


class Outcome(Enum):
    """What becomes of a call, the strictest last. ASK: a person has to say."""

    ALLOW = 0
    ASK = 1
    DENY = 2


class Decision(NamedTuple):
    """What becomes of a call; `why` names the rule or mode that says so."""

    outcome: Outcome
    why: str = ""


class Layer(Value):
    """A mode and rules from one source, which `source` names for people.

    `only` is empty, or holds all that is allowed at all: a definition's tools where it names any
    with a specifier. Rules are those that `rules.problem` has nothing against.
    """

    source: str
    mode: PermissionMode | None = None
    allow: tuple[str, ...] = Field(default=(), max_length=MAX_RULES)
    ask: tuple[str, ...] = Field(default=(), max_length=MAX_RULES)
    deny: tuple[str, ...] = Field(default=(), max_length=MAX_RULES)
    only: tuple[str, ...] = Field(default=(), max_length=MAX_RULES)

    @property
    def says_nothing(self) -> bool:
        """Whether it allows every call."""
        return self.mode in (None, PermissionMode.BYPASS) and not (
            self.ask or self.deny or self.only
        )

    def decide(self, request: Request) -> Decision:
        """Deny rules first, then ask, then allow; what no rule speaks of is the mode's to say."""
        if (rule := _denying(self.deny, request)) is not None:
            return Decision(Outcome.DENY, f"{self.source} denies {rule}")
        if self.only and not allowed_by(_parsed(self.only), request):
            return Decision(Outcome.DENY, f"{self.source} allows only {', '.join(self.only)}")
        if self.mode is PermissionMode.PLAN and request.tool in WRITE_TOOLS:
            return Decision(Outcome.DENY, f"{self.source} is in mode plan, which only reads")
        if (rule := _denying(self.ask, request)) is not None:
            return Decision(Outcome.ASK, f"{self.source} asks a person about {rule}")
        if self._unasked(request) or allowed_by(_parsed(self.allow), request):
            return Decision(Outcome.ALLOW)
        why = f"{self.source} is in mode {self.mode}, and no rule allows it"
        return Decision(Outcome.ASK, why)

    def forbids_change(self, path: str, *, approved: bool = False) -> str | None:
        """The rule against any change of a file, by whatever tool; None where there is none. For a
        call that a person approved, rules that ask are no more against it."""
        write = Request("Write", paths=(path,))
        against = self.deny if approved else (*self.deny, *self.ask)
        if (rule := _denying(against, write)) is not None:
            return f"{self.source}: {rule}"
        where = [rule for rule in _parsed(self.only) if rule.covers("Write") and rule.specifier]
        if where and not allowed_by(where, write):
            return f"{self.source} allows only {', '.join(self.only)}"
        return None

    def _unasked(self, request: Request) -> bool:
        match self.mode:
            case PermissionMode.DEFAULT:
                return request.tool in _UNASKED
            case PermissionMode.ACCEPT_EDITS:
                return request.tool in (*_UNASKED, *WRITE_TOOLS)
        return True


class Permissions(Value):
    """The layers that bind an agent, and the hooks of the repository around its tool calls.

    `hooks_speak` is False for an agent that no text of the repository's hooks may reach.
    """

    layers: tuple[Layer, ...] = ()
    hooks: tuple[Hook, ...] = ()
    hooks_speak: bool = True

    @property
    def bind(self) -> bool:
        """Whether there is anything that a call could meet."""
        return bool(self.layers or self.hooks)

    def decide(self, request: Request) -> Decision:
        """The strictest that any layer says."""
        decisions = (layer.decide(request) for layer in self.layers)
        return max(decisions, key=lambda d: d.outcome.value, default=Decision(Outcome.ALLOW))

    def forbids_change(self, path: str, *, approved: bool = False) -> str | None:
        """The first rule against any change of a file, however it comes about."""
        reasons = (each.forbids_change(path, approved=approved) for each in self.layers)
        return next((why for why in reasons if why), None)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Path patterns of what no search may show."""
        rules = [rule for layer in self.layers for rule in _parsed((*layer.deny, *layer.ask))]
        return tuple(r.specifier for r in rules if r.tool == "Read" and r.specifier is not None)

    @property
    def guards_files(self) -> bool:
        """Whether anything could forbid a change of a file."""
        rules = [
            rule
            for layer in self.layers
            for rule in _parsed((*layer.deny, *layer.ask, *layer.only))
        ]
        return any(rule.covers("Write") for rule in rules)

    @property
    def mode(self) -> PermissionMode:
        """The mode as hooks are told it: the first that a layer names."""
        named = (layer.mode for layer in self.layers if layer.mode is not None)
        return next(named, PermissionMode.BYPASS)

    def removed_tools(self, tools: tuple[str, ...]) -> tuple[str, ...]:
        """The tools that a deny rule takes away as a whole."""
        rules = [rule for layer in self.layers for rule in _parsed(layer.deny)]
        return tuple(
            tool
            for tool in tools
            if any(rule.covers(tool) and rule.specifier is None for rule in rules)
        )

    def within(self, outer: Permissions) -> Permissions:
        """These, bound by those of another agent as well."""
        more = tuple(layer for layer in outer.layers if layer not in self.layers)
        speak = self.hooks_speak and outer.hooks_speak  # what one hears, its asker is told
        return self.model_copy(update={"layers": (*more, *self.layers), "hooks_speak": speak})


def _parsed(rules: tuple[str, ...]) -> list[Rule]:
    return [parse_rule(rule) for rule in rules]


def _denying(rules: tuple[str, ...], request: Request) -> str | None:
    return next((rule for rule in rules if parse_rule(rule).denies(request)), None)
