"""The tools that an agent file names: whole ones, and some in part by a rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from cadre.domain.agents import TOOL_NAMES
from cadre.domain.frontmatter import shown
from cadre.domain.rules import MAX_RULES, problem

_ENTRY = re.compile(r"([^\s,()]+)(\((?:[^()]|\([^()]*\))*\)?)?")
# `Bash(git add:*, git commit:*)` is found in the wild, too.
_BETWEEN_RULES = re.compile(r"(?<=\*),\s*")


class ToolList(NamedTuple):
    """What a list names: `names` of tools that Cadre has, whether `whole` or in part by `rules`,
    and `unknown` ones.

    `everything`: it has a star.
    """

    names: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    everything: bool = False

    @property
    def only(self) -> tuple[str, ...]:
        """All of it as rules, where it allows some tools only in part."""
        return (*self.whole, *self.rules) if self.rules and not self.everything else ()


def tool_list(items: Sequence[str], tools: Sequence[str] = TOOL_NAMES) -> ToolList:
    """Read entries such as `Read, Bash(pytest:*)`, several in an item or not; `tools` are all that
    there are.

    Raises ValueError with the reason where a rule is malformed.
    """
    entries = [(m[1], m[2] or "") for item in items for m in _ENTRY.finditer(item)]
    known = [(name, rule) for name, rule in entries if name in tools]
    rules: list[str] = []
    for name, rule in known:
        if rule and not rule.endswith(")"):
            raise ValueError(f"{shown(name + rule)}: a `)` is missing")
        rules += [f"{name}({part})" for part in _BETWEEN_RULES.split(rule[1:-1]) if rule]
    for rule in rules:
        if wrong := problem(rule, tools):
            raise ValueError(f"{shown(rule)}: {wrong}")
    if len(rules) + len(tools) > MAX_RULES:
        raise ValueError(f"more than {MAX_RULES - len(tools)} rules")
    return ToolList(
        names=tuple(dict.fromkeys(name for name, _ in known)),
        whole=tuple(dict.fromkeys(name for name, rule in known if not rule)),
        rules=tuple(dict.fromkeys(rules)),
        unknown=tuple(dict.fromkeys(name for name, _ in entries if name not in tools)),
        everything="*" in (name for name, _ in entries),
    )
