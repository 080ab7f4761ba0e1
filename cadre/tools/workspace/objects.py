"""The object database of a run's repository: trees as dictionaries, objects written loose.

Objects are not flushed to disk one by one: they outlive the death of any process, but a power
failure may take the last few seconds of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import ConfigLevel, Option

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.workspace.loose import object_id, write_loose

FILE, EXECUTABLE, LINK, TREE, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o040000, 0o160000


class Entry(NamedTuple):
    """A name's mode and object (20 bytes) in a tree."""

    mode: int
    oid: bytes

    @property
    def is_tree(self) -> bool:
        """Whether it is a directory."""
        return self.mode == TREE


Tree = dict[bytes, Entry]


def isolate_libgit2() -> None:
    """Keep the user's and the system's git configuration out of this process's libgit2.

    Who owns a repository does not matter either: libgit2 runs nothing that a repository names.
    """
    for level in (ConfigLevel.SYSTEM, ConfigLevel.GLOBAL, ConfigLevel.XDG, ConfigLevel.PROGRAMDATA):
        pygit2.settings.search_path[level] = ""
    pygit2.option(Option.SET_OWNER_VALIDATION, False)


class ObjectDatabase:
    """Objects of the repository whose git directory is `gitdir`; for one thread at a time."""

    def __init__(self, gitdir: Path) -> None:
        self.repository = pygit2.Repository(str(gitdir))
        self._odb = self.repository.odb
        self._objects = gitdir / "objects"

    def read(self, oid: bytes) -> bytes:
        """An object's content; an object that is missing is a CadreError."""
        try:
            return self._odb.read(pygit2.Oid(raw=oid))[1]
        except KeyError:
            raise _lost(f"object {oid.hex()}", self._objects) from None

    def commit(self, commit: str) -> pygit2.Commit:
        """A commit; one that is missing is a CadreError."""
        try:
            return self.repository[commit].peel(pygit2.Commit)
        except (KeyError, pygit2.GitError):
            raise _lost(f"commit {commit}", self._objects) from None

    def size(self, oid: bytes) -> int:
        """The size in bytes of an object that exists."""
        return self._odb.read_header(pygit2.Oid(raw=oid))[1]

    def contains(self, oid: bytes) -> bool:
        """Whether the object is there, loose or packed."""
        return self._odb.exists(pygit2.Oid(raw=oid))

    def tree(self, oid: bytes) -> Tree:
        """The entries of a tree; a name that must not become a file is refused."""
        data, entries, position = self.read(oid), {}, 0
        while position < len(data):
            space = data.index(b" ", position)
            end = data.index(b"\0", space)
            name = data[space + 1 : end]
            if name in {b"", b".", b".."} or b"/" in name or name.lower() == b".git":
                raise CadreError(
                    ErrorKind.WRONG_INPUT,
                    f"tree {oid.hex()} holds the name {name!r}, which no checkout may create",
                )
            mode = int(data[position:space], 8)
            entries[name] = Entry(mode, data[end + 1 : end + 21])
            position = end + 21
        return entries

    def write_tree(self, entries: Tree) -> bytes:
        """Store a tree."""

        def order(item: tuple[bytes, Entry]) -> bytes:
            return item[0] + b"/" if item[1].mode == TREE else item[0]

        parts = (
            b"%o %b\0%b" % (entry.mode, name, entry.oid)
            for name, entry in sorted(entries.items(), key=order)
        )
        return self.write("tree", b"".join(parts))

    def write(self, kind: str, data: bytes) -> bytes:
        """Store an object unless the repository has it, loose; its ID."""
        oid = object_id(kind, data)
        if not self._path(oid).exists():
            write_loose(self._objects, kind, data)
        return oid

    def walk(self, tree: bytes, prefix: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        """Every entry below a tree that is not a tree itself, by its path."""
        for name, entry in self.tree(tree).items():
            if entry.mode == TREE:
                yield from self.walk(entry.oid, prefix + name + b"/")
            else:
                yield prefix + name, entry

    def find(self, tree: bytes, path: bytes) -> Entry | None:
        """The entry at `path` below `tree`."""
        entry: Entry | None = Entry(TREE, tree)
        for name in path.split(b"/"):
            if entry is None or entry.mode != TREE:
                return None
            entry = self.tree(entry.oid).get(name)
        return entry

    def differences(
        self, old: bytes, new: bytes, prefix: bytes = b""
    ) -> Iterator[tuple[bytes, Entry | None, Entry | None]]:
        """The paths of files in which two trees differ, with their entries in both."""
        before, after = self.tree(old), self.tree(new)
        for name in sorted(before.keys() | after.keys()):
            was, now = before.get(name), after.get(name)
            if was == now:
                continue
            old_file = None if was is None or was.is_tree else was
            new_file = None if now is None or now.is_tree else now
            if old_file or new_file:
                yield prefix + name, old_file, new_file
            if (was and was.is_tree) or (now and now.is_tree):
                empty = self.write_tree({})
                yield from self.differences(
                    was.oid if was and was.is_tree else empty,
                    now.oid if now and now.is_tree else empty,
                    prefix + name + b"/",
                )

    def graft(self, tree: bytes, changes: dict[bytes, Entry | None]) -> bytes:
        """Store `tree` with other entries at some paths, None for removed; its ID."""
        below: dict[bytes, dict[bytes, Entry | None]] = {}
        entries = self.tree(tree)
        for path, entry in changes.items():
            name, slash, rest = path.partition(b"/")
            if slash:
                below.setdefault(name, {})[rest] = entry
            elif entry is None:
                entries.pop(name, None)
            else:
                entries[name] = entry
        for name, inner in below.items():
            was = entries.get(name)
            if was is None or was.mode != TREE:
                if not any(inner.values()):
                    continue
                was = Entry(TREE, self.write_tree({}))
            oid = self.graft(was.oid, inner)
            if self.tree(oid):
                entries[name] = Entry(TREE, oid)
            else:
                entries.pop(name)
        return self.write_tree(entries)

    def _path(self, oid: bytes) -> Path:
        name = oid.hex()
        return self._objects / name[:2] / name[2:]


def _lost(what: str, objects: Path) -> CadreError:
    return CadreError(
        ErrorKind.WORKSPACE_LOST,
        f"{what} is missing from {objects}: the run's files cannot be restored here, "
        "start the run again",
    )
