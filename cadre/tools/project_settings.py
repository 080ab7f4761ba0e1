"""A repository's `.claude/settings.json`: permissions and hooks, read as data at the base commit.

It may narrow what a run allows. So what would narrow must be understood: where it cannot be, the
run is refused rather than run with less. What would widen or is unknown is left out with a note.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field

from cadre.domain.agents import TOOL_NAMES
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.frontmatter import shown
from cadre.domain.hooks import Hook
from cadre.domain.permissions import Layer, PermissionMode
from cadre.domain.rules import MAX_RULES, problem, unknown_tool
from cadre.tools.project_hooks import read_hooks

SETTINGS = ".claude/settings.json"
# What a hook's scripts are usually kept in; an agent that could change them could change the hook.
OWN_FILES = "Edit(/.claude/**)"
# Modes of Claude Code's that this has not, by what they come to.
MODES = {"manual": PermissionMode.DEFAULT, "dontAsk": PermissionMode.DEFAULT}
MAX_NAMES_IN_NOTE = 10


@dataclass(frozen=True)
class ProjectSettings:
    """What the settings come to: a layer, hooks, and notes for the user.

    `hooks_problem` is why the hooks cannot be run as they are meant.
    """

    layer: Layer = field(default_factory=lambda: Layer(source=SETTINGS))
    hooks: tuple[Hook, ...] = ()
    notes: tuple[str, ...] = ()
    hooks_problem: CadreError | None = None

    def for_run(self, *, hooks: bool) -> ProjectSettings:
        """As a run uses them: without hooks, or with the hooks' own files guarded.

        Raises CadreError(WRONG_INPUT) where hooks are wanted that cannot be run as meant.
        """
        if not hooks:
            return ProjectSettings(self.layer, (), self.notes)
        if self.hooks_problem is not None:
            raise self.hooks_problem
        if not self.hooks:
            return self
        layer = self.layer.model_copy(update={"deny": (*self.layer.deny, OWN_FILES)})
        note = f"{SETTINGS}: hooks run around tools: {len(self.hooks)} (--no-hooks leaves them out)"
        return ProjectSettings(layer, self.hooks, (*self.notes, note))


def check_rules(option: str, rules: Collection[str], tools: Collection[str] = TOOL_NAMES) -> None:
    """Refuse rules of the user's that would not do what they seem to. Raises CadreError."""
    if len(rules) > MAX_RULES:
        raise CadreError(ErrorKind.WRONG_INPUT, f"--{option}: more than {MAX_RULES} rules")
    for rule in rules:
        wrong = problem(rule, tools)
        if wrong is None and unknown_tool(rule, tools):
            wrong = f"no such tool; there are {', '.join(tools)}"
        if wrong is not None:
            raise CadreError(ErrorKind.WRONG_INPUT, f"--{option} {shown(rule)!r}: {wrong}")


def parse_settings(data: bytes, tools: Collection[str] = TOOL_NAMES) -> ProjectSettings:
    """Read a settings file; `tools` are all that there are.

    Raises CadreError(WRONG_INPUT) with one line where the permissions cannot be read.
    """
    try:
        given = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise _refusal(f"it is not JSON (line {line})") from error
    if not isinstance(given, dict):
        raise _refusal("it is not a JSON object")
    reader = _Reader(tools)
    layer = reader.layer(given.get("permissions", {}))
    hooks: tuple[Hook, ...] = ()
    hooks_problem = None
    unknown = [key for key in given if key not in ("permissions", "hooks", "$schema")]
    try:
        hooks, ignored = read_hooks(given.get("hooks", {}), tools)
        unknown += ignored
    except ValueError as error:
        hooks_problem = _refusal(f"{error} (--no-hooks runs without the repository's hooks)")
    reader.left_out(unknown)
    return ProjectSettings(layer, hooks, tuple(reader.notes), hooks_problem)


def _no_constant(name: str) -> object:
    """JSON itself has no NaN and no Infinity."""
    raise ValueError(name)


def _refusal(reason: str) -> CadreError:
    return CadreError(ErrorKind.WRONG_INPUT, f"{SETTINGS}: {reason}")


class _Reader:
    """One pass over the settings, gathering notes."""

    def __init__(self, tools: Collection[str]) -> None:
        self._tools = tools
        self.notes: list[str] = []

    def left_out(self, names: list[str]) -> None:
        """One note for all that means nothing here."""
        if names:
            more = "…" if len(names) > MAX_NAMES_IN_NOTE else ""
            listed = ", ".join(shown(name) for name in names[:MAX_NAMES_IN_NOTE])
            self.notes.append(f"{SETTINGS}: left out: {listed}{more}")

    def layer(self, given: object) -> Layer:
        if not isinstance(given, dict):
            raise _refusal("`permissions` must be an object")
        known = ("allow", "ask", "deny", "defaultMode")
        self.left_out([f"permissions.{key}" for key in given if key not in known])
        return Layer(
            source=SETTINGS,
            mode=self._mode(given.get("defaultMode")),
            allow=self._allow(given.get("allow", [])),
            ask=self._strict("ask", given.get("ask", [])),
            deny=self._strict("deny", given.get("deny", [])),
        )

    def _mode(self, given: object) -> PermissionMode | None:
        if given is None:
            return None
        if isinstance(given, str) and given in (*MODES, *PermissionMode):
            return MODES.get(given) or PermissionMode(given)
        if given == "auto":
            self.notes.append(f"{SETTINGS}: defaultMode auto has no effect")
            return None
        raise _refusal(f"permissions.defaultMode: {shown(json.dumps(given))} is no mode")

    def _allow(self, given: object) -> tuple[str, ...]:
        rules = [rule for rule in given if isinstance(rule, str)] if isinstance(given, list) else []
        good = [rule for rule in dict.fromkeys(rules) if not problem(rule, self._tools)]
        if good != given:
            bad = f"{SETTINGS}: permissions.allow: what is malformed is left out"
            self.notes.append(bad)
        if len(good) > MAX_RULES:
            self.notes.append(f"{SETTINGS}: permissions.allow: only the first {MAX_RULES} count")
        return tuple(rule for rule in good[:MAX_RULES] if not unknown_tool(rule, self._tools))

    def _strict(self, name: str, given: object) -> tuple[str, ...]:
        if not isinstance(given, list) or len(given) >= MAX_RULES:
            raise _refusal(f"permissions.{name} must be a list of fewer than {MAX_RULES} rules")
        for rule in given:
            wrong = problem(rule, self._tools) if isinstance(rule, str) else "it is no text"
            if wrong:
                raise _refusal(f"permissions.{name}: {shown(str(rule))}: {wrong}")
        return tuple(rule for rule in dict.fromkeys(given) if not unknown_tool(rule, self._tools))
