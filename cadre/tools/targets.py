"""What a tool call works on, as permission rules see it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from cadre.domain.rules import FILE_TOOLS, Request

WORKSPACE = "/workspace"
# As many as Linux follows.
MAX_LINKS = 40
OUTSIDE = ".."


def request_of(tool: str, given: object, directory: Path, root: str) -> Request:
    """The call of `tool` with the input `given`, which may be anything that a model wrote.

    `directory` holds the workspace's files, which agents see at `root`. A path counts as it is
    named and as links lead, so that a link is no way around a rule.
    """
    fields = given if isinstance(given, Mapping) else {}
    paths: tuple[str, ...] = ()
    if tool in FILE_TOOLS:
        path = fields.get("file_path", fields.get("path")) or "."
        named = str(path).removeprefix(f"{WORKSPACE}/")
        where = posixpath.join(root, named)
        paths = tuple(dict.fromkeys((_below(where, root), resolved(where, directory, root))))
    return Request(
        tool=tool,
        command=str(fields.get("command", "")),
        paths=paths,
        agent=str(fields.get("subagent_type", "")),
    )


def resolved(path: str, directory: Path, root: str) -> str:
    """Where `path` leads from the workspace's root, links followed; `..` where that is outside.

    No link is opened: an absolute one is read as the agent sees it.
    """
    names, at, links = _names(path, root), list[str](), 0
    while names:
        name = names.pop(0)
        if name in ("", "."):
            continue
        if name == OUTSIDE:
            if not at:
                return OUTSIDE
            at.pop()
            continue
        try:
            target = str(directory.joinpath(*at, name).readlink())
        except (OSError, ValueError):  # no link, or nothing at all
            at.append(name)
            continue
        links += 1
        if links > MAX_LINKS:
            return OUTSIDE
        if target.startswith("/"):
            names, at = [*_names(target, root), *names], []
        else:
            names = [*target.split("/"), *names]
    return "/".join(at) or "."


def _names(path: str, root: str) -> list[str]:
    """The names from the workspace's root to an absolute path, `..` for all that is elsewhere."""
    for start in (root, WORKSPACE):
        if path == start or path.startswith(f"{start}/"):
            return path[len(start) :].split("/")
    return [OUTSIDE]


def _below(path: str, root: str) -> str:
    return posixpath.relpath(posixpath.normpath(path), root)
