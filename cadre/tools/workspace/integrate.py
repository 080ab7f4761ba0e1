"""What an integration asks of the run's repository: an order, a merge, markers that are left."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TypeVar

from cadre.domain.integration import (
    MAX_LISTED,
    MAX_LISTED_CHARS,
    BranchOrder,
    BranchStep,
    Conflict,
    FindMarkers,
    Markers,
    MergeBranches,
    Merged,
    OrderBranches,
    merge_order,
    overlaps,
)
from cadre.tools.workspace.content import MAX_MERGED_BYTES, has_markers
from cadre.tools.workspace.entries import show
from cadre.tools.workspace.merge import fork_point, merge
from cadre.tools.workspace.objects import LINK, SUBMODULE, ObjectDatabase

T = TypeVar("T")

# A file with markers holds up to three versions of itself.
MAX_SEARCHED_BYTES = 4 * MAX_MERGED_BYTES


def order_branches(database: ObjectDatabase, request: OrderBranches) -> BranchOrder:
    """The order in which to integrate branches, by the paths that each changed."""
    base = database.commit(request.workspace.base)
    changed: dict[str, frozenset[str]] = {}
    for branch in request.branches:
        commit = database.commit(branch.commit)
        fork = fork_point(database, base, commit).tree.id.raw
        differences = database.differences(fork, commit.tree.id.raw)
        changed[branch.name] = frozenset(os.fsdecode(path) for path, _, _ in differences)
    shared = overlaps(changed)
    return BranchOrder(
        steps=tuple(
            BranchStep(name=name, overlaps=shared[name], files=len(changed[name]))
            for name in merge_order(changed)
        )
    )


def merge_branches(database: ObjectDatabase, request: MergeBranches) -> Merged:
    """A merge as a snapshot, with the first of its conflicts."""
    merged = merge(database, request)
    conflicts = sorted(merged.conflicts.items())
    return Merged(
        snapshot=merged.tree.hex(),
        conflicts=tuple(
            Conflict(path=path, kind=kind)
            for path, kind in _listed((show(path), kind) for path, kind in conflicts)
        ),
        conflict_count=len(conflicts),
    )


def find_markers(database: ObjectDatabase, request: FindMarkers) -> Markers:
    """The files in which conflict markers are left."""
    ours = database.commit(request.ours).tree.id.raw
    found = (
        (show(path), None)
        for path, _, now in database.differences(ours, bytes.fromhex(request.snapshot))
        if now is not None
        and now.mode not in {LINK, SUBMODULE}
        and database.size(now.oid) <= MAX_SEARCHED_BYTES
        and has_markers(database.read(now.oid))
    )
    return Markers(paths=tuple(path for path, _ in _listed(found)))


def _listed(found: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """As many as a small result can name, and one at least."""
    chars = 0
    for number, (path, more) in enumerate(found):
        chars += len(path)
        if number and (number == MAX_LISTED or chars > MAX_LISTED_CHARS):
            return
        yield path, more
