"""Snapshots: a directory's files as a git tree, byte for byte.

What is kept: regular files with their executable bit, symbolic links as such, any name that is
not `.git` nor taken for it elsewhere. What is not: empty directories, other mode bits, FIFOs,
sockets and devices, and whatever `.gitignore` names, unless it was in the tree before; all this
is cache, which a rollback may take away. A repository inside the workspace keeps its files and
loses its `.git`.
A submodule's directory is kept as the commit that it names; what lies in it is cache.

No filter, line-ending conversion or attribute applies.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cadre.tools.workspace import ignore
from cadre.tools.workspace.contents import Contents, Known, RefusedError
from cadre.tools.workspace.entries import is_git, open_directory, open_file, show
from cadre.tools.workspace.objects import (
    EXECUTABLE,
    FILE,
    LINK,
    SUBMODULE,
    TREE,
    Entry,
    ObjectDatabase,
    Tree,
)

MAX_NEW_FILES = 50_000
MAX_DEPTH = 128


@dataclass
class Seen:
    """What earlier scans of one directory found, so that the next one reads only what changed."""

    files: Known = field(default_factory=dict)
    trees: dict[bytes, Tree] = field(default_factory=dict)


@dataclass(frozen=True)
class _Place:
    """An open directory. `path` has a slash at its end, but for the root's, which is empty;
    `hidden` is whether it is ignored, so that only what was tracked is kept."""

    handle: int
    path: bytes
    rules: ignore.Rules
    hidden: bool


def scan(
    root: Path,
    tracked: bytes,
    database: ObjectDatabase,
    seen: Seen,
    cache: frozenset[bytes] = frozenset(),
) -> bytes:
    """Store the files below `root` as a tree and return its ID.

    `tracked` is the tree that it held before: what it has is kept even where it is ignored.
    `cache` are further paths that are ignored, those of directories with a slash at their end.
    Raises RefusedError.
    """
    scanner = _Scanner(database, seen, cache)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        oid = scanner.directory(_Place(handle, b"", ignore.Rules(()), hidden=False), tracked)
    finally:
        os.close(handle)
    seen.files, seen.trees = scanner.contents.found, scanner.trees
    return oid if oid is not None else database.write_tree({})


class _Scanner:
    def __init__(self, database: ObjectDatabase, seen: Seen, cache: frozenset[bytes]) -> None:
        self._database = database
        self._known_trees = seen.trees
        self._cache = cache
        self._new = 0
        self.contents = Contents(database, seen.files)
        self.trees: dict[bytes, Tree] = {}

    def directory(self, place: _Place, tracked: bytes | None) -> bytes | None:
        """The tree of a directory, None where nothing in it is kept."""
        if place.path.count(b"/") > MAX_DEPTH:
            raise RefusedError(f"{show(place.path)}: more than {MAX_DEPTH} directories deep")
        before = {} if tracked is None else self._tree(tracked)
        with os.scandir(place.handle) as listing:
            found = [entry for entry in listing if not is_git(entry.name)]
        place = _with_own_rules(place, found)
        after: Tree = {}
        for entry in found:
            name = os.fsencode(entry.name)
            status = entry.stat(follow_symlinks=False)
            keep = self._keep_directory if stat.S_ISDIR(status.st_mode) else self._keep_file
            kept = keep(place, entry.name, status, before.get(name))
            if kept is not None:
                after[name] = kept
        if tracked is not None and after == before:
            oid = tracked
        elif not after:
            return None
        else:
            oid = self._database.write_tree(after)
        self.trees[oid] = after
        return oid

    def _keep_directory(
        self, place: _Place, name: str, _status: os.stat_result, was: Entry | None
    ) -> Entry | None:
        if was is not None and was.mode == SUBMODULE:
            return was
        path = place.path + os.fsencode(name)
        tracked = was.oid if was is not None and was.is_tree else None
        hidden = (
            place.hidden or path + b"/" in self._cache or place.rules.ignores(path, directory=True)
        )
        if hidden and tracked is None:
            return None
        child = open_directory(place.handle, name)
        try:
            oid = self.directory(_Place(child, path + b"/", place.rules, hidden), tracked)
        finally:
            os.close(child)
        return None if oid is None else Entry(TREE, oid)

    def _keep_file(
        self, place: _Place, name: str, status: os.stat_result, was: Entry | None
    ) -> Entry | None:
        path = place.path + os.fsencode(name)
        if was is None or was.mode in {TREE, SUBMODULE}:
            if self._ignores_file(place, path):
                return None
            self._count_new()
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(os.fsencode(name), dir_fd=place.handle)
            return Entry(LINK, self._database.write("blob", target))
        if not stat.S_ISREG(status.st_mode):
            return None
        mode = EXECUTABLE if status.st_mode & 0o111 else FILE
        if was is not None and stat.S_ISREG(was.mode) and not (was.mode ^ mode) & 0o111:
            mode = was.mode  # an old repository's 100664 stays what it is
        return Entry(mode, self.contents.blob(place.handle, name, path, status, was))

    def _ignores_file(self, place: _Place, path: bytes) -> bool:
        return place.hidden or path in self._cache or place.rules.ignores(path, directory=False)

    def _count_new(self) -> None:
        self._new += 1
        if self._new > MAX_NEW_FILES:
            raise RefusedError(
                f"more than {MAX_NEW_FILES} new files; name their directory in .gitignore "
                "if they are not part of the work"
            )

    def _tree(self, oid: bytes) -> Tree:
        known = self._known_trees.get(oid)
        return self._database.tree(oid) if known is None else known


def _with_own_rules(place: _Place, found: list[os.DirEntry[str]]) -> _Place:
    """The same place, with its own `.gitignore` in force where that is a regular file."""
    for entry in found:
        if entry.name == ".gitignore" and entry.is_file(follow_symlinks=False):
            with open_file(place.handle, entry.name) as file:
                patterns = ignore.parse(file.read(ignore.MAX_RULES_BYTES))
            rules = ignore.Rules(patterns, place.path, place.rules)
            return _Place(place.handle, place.path, rules, place.hidden)
    return place
