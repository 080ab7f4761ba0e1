"""Putting the branches of a run together: their order, a merge of two, and what it leaves open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from cadre.domain.base import Value
from cadre.domain.workspaces import Workspace

MAX_BRANCHES = 1000
# What a result names of many, so that it stays small: this many paths, of so many characters.
MAX_LISTED = 50
MAX_LISTED_CHARS = 16 * 1024

# What a merge writes behind the markers of a conflict, before the labels; markers that were left
# are found by it.
OURS, BASE, THEIRS = "ours: ", "base", "theirs: "
OUR_LABEL = f"{OURS}merged so far"


def overlaps(changed: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """How many of each branch's changed paths at least one other branch changed too."""
    branches = Counter(path for paths in changed.values() for path in paths)
    return {name: sum(branches[path] > 1 for path in paths) for name, paths in changed.items()}


def merge_order(changed: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The order in which to integrate branches, given the paths that each one changed.

    The fewest `overlaps` go first; where they are equal, the fewest changed paths; then as given.
    So what meets nothing is in before the first conflict, whatever becomes of that. A renamed
    file counts with both its paths. Nothing is counted anew as branches go in.
    """
    shared = overlaps(changed)
    return tuple(sorted(changed, key=lambda name: (shared[name], len(changed[name]))))


class NamedCommit(Value):
    """A branch of a run: its name, and the commit that it ends with."""

    name: str
    commit: str


class OrderBranches(Value):
    """Find the order in which to integrate `branches`, by what each changed since it left the
    history of the workspace's base."""

    workspace: Workspace
    branches: tuple[NamedCommit, ...] = Field(max_length=MAX_BRANCHES)


class BranchStep(Value):
    """A branch in its place: how many files it changed, and how many of these others did too."""

    name: str
    overlaps: int
    files: int


class BranchOrder(Value):
    """The branches in the order in which to integrate them."""

    steps: tuple[BranchStep, ...]


class MergeBranches(Value):
    """Merge commit `theirs` into commit `ours`, both of the run's repository.

    `label` is what conflict markers call their side. No commit is made: where the result is kept,
    it is committed with both as parents.
    """

    workspace: Workspace
    ours: str
    theirs: str
    label: str = Field(pattern=r"^[ -~]{1,100}$")


class ConflictKind(StrEnum):
    """What two branches could not agree on, and what the merge left at the path.

    But for the first two, nothing in the file tells of the conflict. The other side of it is in
    its commit.
    """

    CONTENT = "content"  # markers around both sides, and the base between them
    BOTH_ADDED = "both added"  # markers around both sides
    BINARY = "binary"  # ours: binary, or over 1 MB
    DELETED_BY_US = "deleted by us"  # theirs, which they changed
    DELETED_BY_THEM = "deleted by them"  # ours, which we changed
    RENAMED_TWICE = "renamed twice"  # at both new paths, each as its side has it
    TYPE = "type"  # ours: a file here and a symbolic link or a submodule there, or two of these
    MODE = "mode"  # our executable bit, and the merged content
    FILE_AND_DIRECTORY = "file and directory"  # the file, under this other name


class Conflict(Value):
    """A path of the merged files, and what is open there."""

    path: str
    kind: ConflictKind


class Merged(Value):
    """The merged files as a snapshot, and the first of what is open in them.

    At most `MAX_LISTED` conflicts are listed, of `conflict_count`.
    """

    snapshot: str
    conflicts: tuple[Conflict, ...] = ()
    conflict_count: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing is open."""
        return self.conflict_count == 0


class FindMarkers(Value):
    """Look for conflict markers that are left in `snapshot`.

    Searched is every file that differs from commit `ours`, into which was merged: so it does not
    matter which conflicts were listed, nor where their files went.
    """

    workspace: Workspace
    snapshot: str
    ours: str


class Markers(Value):
    """The first paths, at most `MAX_LISTED`, of files that hold conflict markers."""

    paths: tuple[str, ...] = ()
