"""A three-way merge of two commits of a run's repository, as trees.

What each side changed since they parted is compared path by path; a file that one side renamed is
first brought together with what the other made of it. Equal changes, and changes of one side
alone, are taken. Nothing that a repository names is run, and no attribute is read. Changes are
laid over our tree, so what no side touched stays bit by bit, empty directories and old modes too.

libgit2's own merge of trees is not used: where a renamed file is in conflict, it does not tell
what belongs together, it drops empty directories, and it knows no bound on a file's size.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pygit2

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.integration import ConflictKind, MergeBranches
from cadre.tools.workspace.content import Sides, merge_text
from cadre.tools.workspace.objects import LINK, SUBMODULE, Entry, ObjectDatabase
from cadre.tools.workspace.renames import Changes, find_renames


@dataclass
class Merge:
    """A merged tree, and what is open in it by its path."""

    tree: bytes = b""
    conflicts: dict[bytes, ConflictKind] = field(default_factory=dict)


def merge(database: ObjectDatabase, request: MergeBranches) -> Merge:
    """Merge two commits from where their histories part; the same request gives the same tree."""
    ours, theirs = database.commit(request.ours), database.commit(request.theirs)
    base = fork_point(database, ours, theirs)
    merger = _Merger(database, request.label)
    merger.run(base.tree.id.raw, ours.tree.id.raw, theirs.tree.id.raw)
    return merger.result


def fork_point(database: ObjectDatabase, one: pygit2.Commit, other: pygit2.Commit) -> pygit2.Commit:
    """The last commit that both histories have: one of them, where there are several."""
    found = database.repository.merge_base(one.id, other.id)
    if found is None:  # libgit2's types do not tell
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"commits {one.id} and {other.id} have no common history"
        )
    return database.commit(str(found))


class _Merger:
    def __init__(self, database: ObjectDatabase, label: str) -> None:
        self._database = database
        self._label = label
        self._made: dict[bytes, Entry | None] = {}
        self.result = Merge()

    def run(self, base: bytes, ours: bytes, theirs: bytes) -> None:
        one, other = self._changes(base, ours), self._changes(base, theirs)
        moved, their_moved = find_renames(self._database, one), find_renames(self._database, other)
        here, there = dict(one), dict(other)
        for path in sorted(moved.keys() | their_moved.keys()):
            self._renamed(path, moved.get(path), their_moved.get(path), here, there)
        for path in sorted(here.keys() | there.keys()):
            was = (here.get(path) or there[path])[0]
            mine = here[path][1] if path in here else was
            yours = there[path][1] if path in there else was
            self._made[path] = self._entry(path, was, mine, yours)
        self._part_files_from_directories(ours, one)
        # What we have already is left alone: a path that became a directory is in it by its files.
        had = {path: now for path, (_, now) in one.items()}
        laid = {
            path: entry
            for path, entry in self._made.items()
            if entry != (had[path] if path in had else other.get(path, (None, None))[0])
        }
        self.result.tree = self._database.graft(ours, laid)

    def _changes(self, base: bytes, tree: bytes) -> Changes:
        return {path: (was, now) for path, was, now in self._database.differences(base, tree)}

    def _renamed(
        self,
        path: bytes,
        mine: bytes | None,
        yours: bytes | None,
        here: dict[bytes, tuple[Entry | None, Entry | None]],
        there: dict[bytes, tuple[Entry | None, Entry | None]],
    ) -> None:
        """Turn a rename of `path` into changes of its new path, which `here` and `there` then have.

        `mine` and `yours` are the new paths, None where that side did not rename it.
        """
        was = (here.get(path) or there[path])[0]
        ours, theirs = here.get(path, (was, was))[1], there.get(path, (was, was))[1]
        if _is_special(ours) or _is_special(theirs):
            return  # what was renamed is no file any more on the other side
        here.pop(path, None)
        there.pop(path, None)
        our_entry = here.pop(mine)[1] if mine else ours
        their_entry = there.pop(yours)[1] if yours else theirs
        self._made[path] = None
        if mine and yours and mine != yours:
            here[mine], there[yours] = (None, our_entry), (None, their_entry)
            self.result.conflicts[mine] = self.result.conflicts[yours] = ConflictKind.RENAMED_TWICE
            return
        target = mine or yours or path
        if our_entry is None or their_entry is None:
            entry = self._deleted(target, our_entry, their_entry)
        else:
            entry = self._entry(target, was, our_entry, their_entry)
        if mine:
            here[mine] = (None, entry)
        if yours:
            there[yours] = (None, entry)

    def _entry(
        self, path: bytes, was: Entry | None, ours: Entry | None, theirs: Entry | None
    ) -> Entry | None:
        """What becomes of one file."""
        if theirs in (ours, was):
            return ours
        if ours == was:
            return theirs
        if ours is None or theirs is None:
            return self._deleted(path, ours, theirs)
        if _is_special(ours) or _is_special(theirs):
            self.result.conflicts[path] = ConflictKind.TYPE
            return ours
        if _is_special(was):
            was = None  # a file took its place on both sides
        return Entry(self._mode(path, was, ours, theirs), self._content(path, was, ours, theirs))

    def _deleted(self, path: bytes, ours: Entry | None, theirs: Entry | None) -> Entry | None:
        """Keep what one side changed or renamed, and the other deleted."""
        kind = ConflictKind.DELETED_BY_US if ours is None else ConflictKind.DELETED_BY_THEM
        self.result.conflicts[path] = kind
        return ours or theirs

    def _mode(self, path: bytes, was: Entry | None, ours: Entry, theirs: Entry) -> int:
        if _executable(ours) == _executable(theirs):
            return ours.mode
        if was is None:
            self.result.conflicts[path] = ConflictKind.MODE
            return ours.mode
        return theirs.mode if _executable(was) == _executable(ours) else ours.mode

    def _content(self, path: bytes, was: Entry | None, ours: Entry, theirs: Entry) -> bytes:
        before = None if was is None else was.oid
        if theirs.oid in (ours.oid, before):
            return ours.oid
        if ours.oid == before:
            return theirs.oid
        sides = Sides(before, ours.oid, theirs.oid)
        if not sides.are_text(self._database):
            self.result.conflicts[path] = ConflictKind.BINARY
            return ours.oid
        text = merge_text(self._database, sides, self._label)
        if not text.clean:
            kind = ConflictKind.BOTH_ADDED if before is None else ConflictKind.CONTENT
            self.result.conflicts[path] = kind
        return self._database.write("blob", text.data)

    def _part_files_from_directories(self, tree: bytes, ours: Changes) -> None:
        """Move each file aside that lies where the other side has a directory."""
        directories = {
            path[:position]
            for path, entry in self._made.items()
            if entry is not None
            for position, byte in enumerate(path)
            if byte == ord("/")
        }
        for path in sorted(directories & self._made.keys()):
            entry = self._made[path]
            if entry is None:
                continue
            side = b"ours" if ours.get(path, (None, None))[1] is not None else b"theirs"
            aside = path + b"~" + side
            while aside in self._made or self._database.find(tree, aside) is not None:
                aside += b"~"
            self._made[path], self._made[aside] = None, entry
            self.result.conflicts.pop(path, None)
            self.result.conflicts[aside] = ConflictKind.FILE_AND_DIRECTORY


def _is_special(entry: Entry | None) -> bool:
    return entry is not None and entry.mode in {LINK, SUBMODULE}


def _executable(entry: Entry) -> bool:
    return entry.mode & 0o111 != 0
