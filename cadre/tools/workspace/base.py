"""What a workspace starts from: a commit, in the run's repository, which is made first."""

from __future__ import annotations

import contextlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pygit2

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.workspaces import OpenWorkspace
from cadre.tools.workspace.clone import base_tree, clone, link_objects
from cadre.tools.workspace.files import make_directory, remove_tree
from cadre.tools.workspace.home import Home
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.origin import Origin

_COMMIT_ID = "[0-9a-f]{40}"


@dataclass(frozen=True)
class Base:
    """A commit, its tree, and what stays out of the run. `origin` is the repository that it was
    found in: None is the run's own, which may have commits that the user's has not."""

    commit: str
    tree: bytes
    notes: tuple[str, ...]
    origin: Origin | None


def find_base(request: OpenWorkspace, home: Home) -> Base:
    """What to start from. Nothing is made; a CadreError (WRONG_INPUT) where it cannot be used."""
    branch = f"refs/heads/cadre/{request.run}"
    if not pygit2.reference_is_valid_name(branch):
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"the run's ID {request.run!r} cannot be part of a branch's name; choose another",
        )
    if re.fullmatch(_COMMIT_ID, request.base) and home.run_is_open():
        with contextlib.suppress(CadreError):
            commit = ObjectDatabase(home.repository).commit(request.base)
            return Base(str(commit.id), commit.tree.id.raw, (), None)
    origin = Origin(request.repo)
    commit_id = origin.resolve(request.base)
    tree = base_tree(origin.gitdir, commit_id, request.repo)
    return Base(commit_id, tree, origin.notes(tree, ObjectDatabase(origin.gitdir)), origin)


def bring_in(base: Base, home: Home) -> None:
    """Make the run's repository, unless it is there, with the base in it."""
    if base.origin is None:
        return
    if not home.repository.exists():
        make_directory(home.run_path)
        draft = Path(tempfile.mkdtemp(prefix="new.", dir=home.run_path))
        try:
            clone(base.origin, draft / "repo.git")
            with contextlib.suppress(OSError):  # another attempt was faster
                (draft / "repo.git").rename(home.repository)
        finally:
            remove_tree(draft)
    if not ObjectDatabase(home.repository).contains(bytes.fromhex(base.commit)):
        link_objects(base.origin, home.repository)  # it is younger than the run
