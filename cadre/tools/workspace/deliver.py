"""Bring a commit into the user's repository as a new branch, and touch nothing else there.

Its objects are written loose, contents before what names them, then the branch's file is linked
into place: another branch of that name is never overwritten, and a death in between leaves either
no branch or the whole one. No git command runs, so no hook does; no reflog is written. Only where
the run made the branch itself earlier does it go forward, by git's own means and without hooks.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pygit2

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.workspace.change import reachable
from cadre.tools.workspace.gitcommand import move
from cadre.tools.workspace.loose import write_loose
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.origin import Origin


def deliver(
    database: ObjectDatabase, repo: str, base: str, commit: str, branch: str, *, before: str = ""
) -> None:
    """Make `branch` at `commit`, a descendant of `base`, in the repository at `repo`.

    Doing it again changes nothing. A branch that was left at `before` goes forward; one that a
    person took further from there stays as it is. Raises CadreError (DELIVERY) where the branch
    cannot be made.
    """
    try:
        origin = Origin(repo)
    except CadreError as error:
        raise _undeliverable(branch, error.message, commit) from None
    reference = f"refs/heads/{branch}"
    if not pygit2.reference_is_valid_name(reference):
        raise _undeliverable(branch, "that is not a branch's name", commit)
    there = _at(origin, reference)
    if before and there not in (None, commit):
        if _has(origin, str(there), commit):
            return
    elif _exists(origin, reference, branch, commit):
        return
    if not ObjectDatabase(origin.gitdir).contains(bytes.fromhex(base)):
        raise _undeliverable(branch, f"its base {base} is gone from {repo}; fetch it", commit)
    try:
        bring_objects(database, origin, (base, before) if there else (base,), commit)
        if there is None:
            _create(origin, reference, branch, commit)
        elif not move(origin.gitdir, branch, before, commit):
            raise _undeliverable(
                branch, f"it went from {before[:12]} to {there[:12]}; rename or delete it", commit
            )
    except OSError as error:
        reason = f"{error.strerror or error} ({error.filename or repo})"
        raise _undeliverable(branch, reason, commit) from error


def bring_objects(
    database: ObjectDatabase, origin: Origin, known: Sequence[str], commit: str
) -> None:
    """Let a repository have the objects of `commit`, given commits of its history that it has."""
    theirs = ObjectDatabase(origin.gitdir)
    for oid, kind in _missing(database, known, commit):
        if not theirs.contains(oid):
            write_loose(origin.gitdir / "objects", kind, database.read(oid), durable=True)


def _missing(
    database: ObjectDatabase, known: Sequence[str], commit: str
) -> Iterator[tuple[bytes, str]]:
    """The objects between known commits and another, each before whatever names it."""
    done, waiting = set(known), [commit]
    while waiting:
        if waiting[-1] in done:
            waiting.pop()
            continue
        found = database.commit(waiting[-1])
        if not found.parents:
            raise CadreError(
                ErrorKind.DELIVERY, f"commit {commit} does not descend from {', '.join(known)}"
            )
        ahead = [parent for parent in map(str, found.parent_ids) if parent not in done]
        if ahead:
            waiting += ahead
            continue
        yield from reachable(database, found.tree.id.raw, found.parents[0].tree.id.raw)
        yield found.id.raw, "commit"
        done.add(waiting.pop())


def _at(origin: Origin, reference: str) -> str | None:
    """The commit of a branch; None where there is none."""
    found = origin.repository.references.get(reference)
    return None if found is None else str(found.peel(pygit2.Commit).id)


def _has(origin: Origin, commit: str, ancestor: str) -> bool:
    """Whether a commit's history has another one."""
    repository = origin.repository
    if ancestor not in repository:
        return False
    return bool(repository.descendant_of(pygit2.Oid(hex=commit), pygit2.Oid(hex=ancestor)))


def _exists(origin: Origin, reference: str, branch: str, commit: str) -> bool:
    """Whether the branch is there already; a CadreError where something is in its way."""
    names = set(origin.repository.raw_listall_references())
    wanted = reference.encode()
    if wanted in names:
        there = origin.repository.lookup_reference(reference).target
        if str(there) == commit:
            return True
        raise _undeliverable(
            branch, f"it exists already, at {there}; rename it or delete it", commit
        )
    for name in names:
        if name.startswith(wanted + b"/") or wanted.startswith(name + b"/"):
            other = name.decode(errors="replace").removeprefix("refs/heads/")
            raise _undeliverable(branch, f"the branch {other} is in its way; rename it", commit)
    return False


def _create(origin: Origin, reference: str, branch: str, commit: str) -> None:
    objects = origin.gitdir / "objects"
    path = origin.gitdir / reference
    _make_parents(path, origin.gitdir)
    # A temporary file among the objects: git never takes it for a branch, and prunes it.
    handle, temporary = tempfile.mkstemp(prefix="tmp_ref_", dir=objects)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{commit}\n")
            file.flush()
            os.fchmod(handle, 0o644)
            os.fsync(handle)
        if os.geteuid() == 0:
            like = objects.stat()
            os.chown(temporary, like.st_uid, like.st_gid)
        os.link(temporary, path)
    except FileExistsError:
        if not _exists(Origin(origin.path), reference, branch, commit):
            raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def _make_parents(path: Path, gitdir: Path) -> None:
    """The directories of a reference, with the owner and the modes of git's own."""
    like = (gitdir / "refs").stat()
    for directory in reversed(path.parents):
        if directory.is_relative_to(gitdir / "refs") and not directory.is_dir():
            directory.mkdir(exist_ok=True)  # another run may deliver too
            directory.chmod(like.st_mode & 0o7777)
            if os.geteuid() == 0:
                os.chown(directory, like.st_uid, like.st_gid)


def _undeliverable(branch: str, reason: str, commit: str) -> CadreError:
    return CadreError(
        ErrorKind.DELIVERY, f"branch {branch} (commit {commit[:12]}) was not made: {reason}"
    )
