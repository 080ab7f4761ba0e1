"""Permission rules in Claude Code's syntax: `Tool` or `Tool(specifier)`.

A specifier is a command for Bash, a path in gitignore's syntax for the tools that work on files,
and an agent's name for Task.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from cadre.domain import command_rules
from cadre.domain.globs import NEVER, compile_glob

READ_TOOLS = ("Read", "Glob", "Grep")
WRITE_TOOLS = ("Write", "Edit")
FILE_TOOLS = (*READ_TOOLS, *WRITE_TOOLS)
MAX_RULE_CHARS = 300
MAX_RULES = 64

_RULE = re.compile(r"(\*|[A-Za-z_][A-Za-z0-9_-]*\*?)(?:\((.*)\))?", re.DOTALL)
# The tools that a rule speaks of besides the one that it names.
_COVERS = {"Read": READ_TOOLS, "Edit": WRITE_TOOLS}
# Stands for any file of a directory that is searched.
_ANY_FILE = "\ufffc"
_OUTSIDE = re.compile(rb"(?!)(?#outside)")
_EVERYTHING = re.compile(rb".*", re.DOTALL)


class Request(NamedTuple):
    """A tool call as rules see it.

    `paths` are what it works on, from the workspace's root, as it was named and as links lead;
    `..` first where that is outside. `agent` is the one that a Task starts.
    """

    tool: str
    command: str = ""
    paths: tuple[str, ...] = ()
    agent: str = ""


class Rule(NamedTuple):
    """A rule; without a specifier it speaks of every call of its tools."""

    tool: str
    specifier: str | None = None

    def covers(self, tool: str) -> bool:
        """Whether it speaks of `tool` at all."""
        if self.tool.endswith("*"):
            return tool.startswith(self.tool[:-1])
        return tool in _COVERS.get(self.tool, (self.tool,))

    def denies(self, request: Request) -> bool:
        """Whether it matches the call or any part of it.

        What must not be read must not be edited either: an edit shows what is around it.
        """
        shows = self.tool == "Read" and self.specifier is not None and request.tool == "Edit"
        if not self.covers(request.tool) and not shows:
            return False
        if self.specifier is None:
            return True
        if request.tool == "Bash":
            return command_rules.denies(self.specifier, request.command)
        if request.tool in FILE_TOOLS:
            return any(_lies_in(self.specifier, path, request.tool) for path in request.paths)
        return self.specifier == request.agent


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> Rule:
    """A rule that was checked before (see `problem`)."""
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    specifier = found[2]
    return Rule(found[1], None if specifier is None or specifier.strip() == "*" else specifier)


def allowed_by(rules: Iterable[Rule], request: Request) -> bool:
    """Whether rules together allow a call as a whole, for certain."""
    covering = [rule for rule in rules if rule.covers(request.tool)]
    if any(rule.specifier is None for rule in covering):
        return True
    specifiers = [rule.specifier for rule in covering if rule.specifier is not None]
    if request.tool == "Bash":
        return command_rules.allows(specifiers, request.command)
    if request.tool in FILE_TOOLS:
        return bool(request.paths) and all(
            any(_lies_in(specifier, path, request.tool) for specifier in specifiers)
            for path in request.paths
        )
    return request.agent in specifiers


def problem(text: str, tools: Collection[str]) -> str | None:
    """What is wrong with a rule, in a few words; None for a good one. `tools` are all there are."""
    found = _RULE.fullmatch(text.strip())
    if found is None or len(text) > MAX_RULE_CHARS:
        return "it is no rule: write Tool or Tool(specifier)" if found is None else "it is too long"
    tool, specifier = found[1], found[2]
    if not unknown_tool(text, tools) and specifier is not None and specifier.strip() != "*":
        return _specifier_problem(tool, specifier)
    return None


def unknown_tool(text: str, tools: Collection[str]) -> bool:
    """Whether a rule speaks of no tool that there is."""
    tool = text.partition("(")[0].strip()
    return not any(Rule(tool).covers(name) for name in (*tools, "Task"))


def _specifier_problem(tool: str, specifier: str) -> str | None:
    if not specifier.strip() or not specifier.isprintable():
        return "there is nothing in its parentheses that could match"
    if tool == "Bash" and not specifier.strip(" :*"):
        return "it matches everything: write Bash"
    if tool in FILE_TOOLS and (specifier.startswith("!") or _glob(specifier) is NEVER):
        return "its path can never match"
    if tool not in (*FILE_TOOLS, "Bash", "Task"):
        return f"{tool} takes nothing in parentheses"
    return None


def matches_path(pattern: str, path: str) -> bool:
    """Whether a path pattern matches a path or a directory that it lies in.

    As in .gitignore: a pattern without a slash matches at any depth. What leads out of the
    workspace (`//…`, `~/…`) matches nothing.
    """
    if path.split("/", 1)[0] == "..":
        return False
    glob, names = _glob(pattern), path.split("/")
    directory_only, name_only = pattern.endswith("/"), "/" not in pattern.rstrip("/")
    for count in range(1, len(names) + 1):
        if directory_only and count == len(names):
            return False
        candidate = names[count - 1] if name_only else "/".join(names[:count])
        if glob.fullmatch(candidate.encode("utf-8", "surrogateescape")):
            return True
    return False


def _lies_in(pattern: str, path: str, tool: str) -> bool:
    """Whether a path matches, or all that a search of it would find."""
    if matches_path(pattern, path):
        return True
    below = _ANY_FILE if path == "." else f"{path}/{_ANY_FILE}"
    return tool in ("Glob", "Grep") and matches_path(pattern, below)


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[bytes]:
    if pattern.startswith(("//", "~")):
        return _OUTSIDE
    body = pattern.removeprefix("./").removeprefix("/").rstrip("/")
    return compile_glob(body.encode("utf-8", "surrogateescape")) if body else _EVERYTHING
