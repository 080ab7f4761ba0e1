"""Snapshots: a directory's files as a git tree, byte for byte.

What is kept: regular files with their executable bit, symbolic links as such, any name that is
not `.git`. What is not: empty directories, other mode bits, FIFOs, sockets and devices, and
whatever `.gitignore` names, unless it was in the tree before; all this is cache, which a
rollback may take away. A repository inside the workspace keeps its files and loses its `.git`.
A submodule's directory is kept as the commit that it names; what lies in it is cache.

No filter, line-ending conversion or attribute applies. A file is read again unless its times,
size, inode and mode are those that were seen when it was last read, and were old enough then
that a later change must have moved them.
"""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from cadre.tools.workspace import ignore
from cadre.tools.workspace.entries import (
    Signature,
    open_directory,
    open_file,
    show,
    signature_of,
)
from cadre.tools.workspace.loose import hash_file
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

MAX_FILE_BYTES = 100 * 1024 * 1024
MAX_NEW_FILES = 50_000
MAX_DEPTH = 128

# A file's times move by the kernel's tick (10 ms at most) where they have nanoseconds at all.
_TICK_NS = 50_000_000
_COARSE_NS = 2_500_000_000


class RefusedError(Exception):
    """The workspace holds what cannot be kept; its message tells the agent what and why."""


@dataclass
class Seen:
    """What earlier scans of one directory found, so that the next one reads only what changed."""

    files: dict[bytes, tuple[Signature, bytes]] = field(default_factory=dict)
    trees: dict[bytes, Tree] = field(default_factory=dict)


def scan(
    root: Path, tracked: bytes, database: ObjectDatabase, cache_rules: bytes, seen: Seen
) -> bytes:
    """Store the files below `root` as a tree and return its ID.

    `tracked` is the tree that it held before: what it has is kept even where it is ignored.
    `cache_rules` are further lines of `.gitignore`. Raises RefusedError.
    """
    scanner = _Scanner(database, seen)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        rules = ignore.Rules(ignore.parse(cache_rules))
        oid = scanner.directory(handle, b"", tracked, rules, hidden=False)
    finally:
        os.close(handle)
    seen.files, seen.trees = scanner.files, scanner.trees
    return oid if oid is not None else database.write_tree({})


class _Scanner:
    def __init__(self, database: ObjectDatabase, seen: Seen) -> None:
        self._database = database
        self._seen = seen
        self._started = time.time_ns()
        self._new = 0
        self.files: dict[bytes, tuple[Signature, bytes]] = {}
        self.trees: dict[bytes, Tree] = {}

    def directory(
        self, handle: int, path: bytes, tracked: bytes | None, rules: ignore.Rules, *, hidden: bool
    ) -> bytes | None:
        """The tree of an open directory, None where nothing in it is kept.

        `hidden` is whether the directory is ignored, so that only what was tracked is kept.
        """
        if path.count(b"/") > MAX_DEPTH:
            raise RefusedError(f"{show(path)}: more than {MAX_DEPTH} directories deep")
        before = {} if tracked is None else self._tree(tracked)
        with os.scandir(handle) as listing:
            found = [entry for entry in listing if entry.name.lower() != ".git"]
        rules = self._rules(handle, path, found, rules)
        after: Tree = {}
        for entry in found:
            kept = self._entry(handle, path, entry, before, rules, hidden=hidden)
            if kept is not None:
                after[os.fsencode(entry.name)] = kept
        if tracked is not None and after == before:
            oid = tracked
        elif not after:
            return None
        else:
            oid = self._database.write_tree(after)
        self.trees[oid] = after
        return oid

    def _entry(
        self,
        handle: int,
        parent: bytes,
        entry: os.DirEntry[str],
        before: Tree,
        rules: ignore.Rules,
        *,
        hidden: bool,
    ) -> Entry | None:
        name = os.fsencode(entry.name)
        path = parent + name
        was = before.get(name)
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            if was is not None and was.mode == SUBMODULE:
                return was
            known = was.oid if was is not None and was.mode == TREE else None
            inside = hidden or rules.ignores(path, directory=True)
            if inside and known is None:
                return None
            child = open_directory(handle, entry.name)
            try:
                oid = self.directory(child, path + b"/", known, rules, hidden=inside)
            finally:
                os.close(child)
            return None if oid is None else Entry(TREE, oid)
        is_tracked = was is not None and was.mode not in {TREE, SUBMODULE}
        if not is_tracked and (hidden or rules.ignores(path, directory=False)):
            return None
        if stat.S_ISLNK(status.st_mode):
            target = os.readlink(os.fsencode(entry.name), dir_fd=handle)
            return Entry(LINK, self._database.write("blob", target))
        if stat.S_ISREG(status.st_mode):
            mode = EXECUTABLE if status.st_mode & 0o111 else FILE
            if (
                was is not None
                and stat.S_ISREG(was.mode)
                and bool(was.mode & 0o111) == (mode == EXECUTABLE)
            ):
                mode = was.mode  # an old repository's 100664 stays what it is
            self._new += not is_tracked
            if self._new > MAX_NEW_FILES:
                raise RefusedError(
                    f"more than {MAX_NEW_FILES} new files; name their directory in .gitignore "
                    "if they are not part of the work"
                )
            oid = self._file(handle, entry.name, path, status, was)
            return Entry(mode, oid)
        return None

    def _file(
        self, handle: int, name: str, path: bytes, status: os.stat_result, was: Entry | None
    ) -> bytes:
        signature = signature_of(status)
        known = self._seen.files.get(path)
        if known is not None and known[0] == signature:
            self.files[path] = known
            return known[1]
        with open_file(handle, name) as file:
            if status.st_size > MAX_FILE_BYTES:
                oid = hash_file(file, status.st_size)
                if was is None or oid != was.oid:
                    raise _too_large(path)
            else:
                oid = self._database.write("blob", file.read(status.st_size))
        if self._settled(status):
            self.files[path] = (signature, oid)
        return oid

    def _settled(self, status: os.stat_result) -> bool:
        """Whether any change after this scan began must show in the file's times."""
        newest = max(status.st_mtime_ns, status.st_ctime_ns)
        margin = _TICK_NS if status.st_ctime_ns % 1_000_000 else _COARSE_NS
        return newest < self._started - margin

    def _tree(self, oid: bytes) -> Tree:
        known = self._seen.trees.get(oid)
        return self._database.tree(oid) if known is None else known

    def _rules(
        self, handle: int, path: bytes, found: list[os.DirEntry[str]], rules: ignore.Rules
    ) -> ignore.Rules:
        for entry in found:
            if entry.name == ".gitignore" and entry.is_file(follow_symlinks=False):
                with open_file(handle, entry.name) as file:
                    patterns = ignore.parse(file.read(ignore.MAX_RULES_BYTES))
                return ignore.Rules(patterns, path, rules)
        return rules


def _too_large(path: bytes) -> RefusedError:
    return RefusedError(
        f"{show(path)} is larger than {MAX_FILE_BYTES // 1024**2} MB and cannot be kept; make it "
        "smaller, delete it, or name it in .gitignore if it is not part of the work"
    )
