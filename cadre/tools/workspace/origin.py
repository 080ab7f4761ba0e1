"""The user's repository: read, never written to. What stays out of a run is told in notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pygit2
from pygit2.enums import FileStatus, RepositoryOpenFlag

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.workspace.entries import show
from cadre.tools.workspace.objects import SUBMODULE, ObjectDatabase

_SHOWN_NAMES = 3


class Origin:
    """A repository as its user has it, with a checkout, bare, or as a linked worktree."""

    def __init__(self, path: str) -> None:
        """Open the repository at exactly `path`, or raise a CadreError."""
        self.path = path
        try:
            self.repository = pygit2.Repository(path, RepositoryOpenFlag.NO_SEARCH)
        except pygit2.GitError as error:
            raise _unusable(path, error) from None
        gitdir = Path(self.repository.path)
        pointer = gitdir / "commondir"
        common = pointer.read_text().strip() if pointer.exists() else "."
        self.gitdir = (gitdir / common).resolve()

    def resolve(self, base: str) -> str:
        """The ID of the commit that `base` names."""
        if self.repository.is_empty or (base == "HEAD" and self.repository.head_is_unborn):
            raise _wrong(f"{self.path} has no commit yet; commit something first")
        try:
            return str(self.repository.revparse_single(base).peel(pygit2.Commit).id)
        except (KeyError, ValueError, pygit2.GitError):
            raise _wrong(
                f"{base!r} is not a commit of {self.path}; name a branch, a tag or a commit"
            ) from None

    def object_directories(self) -> Iterator[Path]:
        """Where its objects lie: its own directory, and those that it borrows from."""
        waiting, seen = [self.gitdir / "objects"], set[Path]()
        while waiting:
            directory = waiting.pop().resolve()
            if directory in seen or not directory.is_dir():
                continue
            seen.add(directory)
            yield directory
            borrowed = directory / "info" / "alternates"
            if borrowed.exists():
                lines = borrowed.read_text().splitlines()
                waiting += [directory / line for line in lines if line and line[0] != "#"]

    def notes(self, base_tree: bytes, database: ObjectDatabase) -> tuple[str, ...]:
        """What stays out of a run on `base_tree`, one line each."""
        return (*self._uncommitted(), *_special(base_tree, database))

    def _uncommitted(self) -> Iterator[str]:
        if self.repository.is_bare:
            return
        flags = self.repository.status(untracked_files="normal")
        untracked = sorted(p for p, f in flags.items() if f & FileStatus.WT_NEW)
        quiet = FileStatus.IGNORED | FileStatus.WT_NEW
        changed = sorted(p for p, f in flags.items() if f & ~quiet)
        for kind, paths in (("changed", changed), ("untracked", untracked)):
            if paths:
                yield (
                    f"{_count(paths, kind + ' file')} in your checkout "
                    f"{'stays' if len(paths) == 1 else 'stay'} out of the run "
                    f"({_names(paths)}); commit or stash them to include them"
                )


def _special(base_tree: bytes, database: ObjectDatabase) -> Iterator[str]:
    submodules, pointers = [], False
    for path, entry in database.walk(base_tree):
        if entry.mode == SUBMODULE:
            submodules.append(show(path))
        elif path.rpartition(b"/")[2] == b".gitattributes":
            pointers = pointers or b"filter=lfs" in database.read(entry.oid)
    if submodules:
        yield (
            f"{_count(submodules, 'submodule')} left out, empty in the workspace "
            f"({_names(submodules)})"
        )
    if pointers:
        yield "files in Git LFS are pointer files in the workspace, not their content"


def _count(items: list[str], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _names(paths: Iterable[str]) -> str:
    names = [show(path.encode(errors="surrogateescape")) for path in paths]
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _unusable(path: str, error: Exception) -> CadreError:
    if not Path(path).is_dir():
        return _wrong(f"{path} is not a directory; give the path of a git repository")
    found = pygit2.discover_repository(path)
    if found is None:
        return _wrong(f"{path} is not a git repository; run `git init` there and commit")
    root = Path(found).parent if Path(found).name == ".git" else Path(found)
    if root.resolve() != Path(path).resolve():
        return _wrong(f"{path} is not a git repository's root; give {root}")
    return _wrong(f"{path} cannot be read: {error}")


def _wrong(message: str) -> CadreError:
    return CadreError(ErrorKind.WRONG_INPUT, message)
