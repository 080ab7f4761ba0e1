"""What goes to and fro between a run and the branches of the user's repository: commits that a
person made on the run's branch, and the approved commit into a branch of theirs.

Merges are made in the run's repository. In the user's, objects are added and a branch goes forward;
the checkout and the index stay as they are.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pygit2

from cadre.domain.deliveries import (
    DeliveryKind,
    DeliveryPlan,
    MergeInto,
    MoveBranch,
    Moved,
    PlanDeliveries,
    ReadyMerge,
    TakeCommits,
    Taken,
    Target,
)
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.integration import MergeBranches
from cadre.tools.workspace import integrate
from cadre.tools.workspace.clone import link_objects
from cadre.tools.workspace.deliver import bring_objects
from cadre.tools.workspace.gitcommand import held_by, move, run_git, tip_of
from cadre.tools.workspace.home import open_home
from cadre.tools.workspace.objects import ObjectDatabase, isolate_libgit2
from cadre.tools.workspace.origin import Origin


class Handover:
    """Between the runs' repositories below `state_dir` and their users'. What is slow runs in
    threads. Raises CadreError: DELIVERY with what to do, WORKSPACE_LOST."""

    def __init__(self, state_dir: Path) -> None:
        isolate_libgit2()
        self._state = state_dir.resolve()

    async def plan(self, request: PlanDeliveries, commands: frozenset[str]) -> DeliveryPlan:
        """What stands against these deliveries now; `commands` are those that there are."""
        return await asyncio.to_thread(_plan, request, commands)

    async def take(self, request: TakeCommits) -> Taken:
        """The run's branch, with what a person committed on it."""
        return await asyncio.to_thread(self._take, request)

    async def prepare(self, request: MergeInto) -> ReadyMerge:
        """Merge a commit into a branch of the user's, in the run's repository."""
        return await asyncio.to_thread(self._prepare, request)

    async def move(self, request: MoveBranch) -> Moved:
        """Let a branch of the user's go forward; doing it again changes nothing."""
        return await asyncio.to_thread(self._move, request)

    def _database(self, request: TakeCommits | MergeInto | MoveBranch) -> ObjectDatabase:
        return ObjectDatabase(open_home(self._state, request.workspace).repository)

    def _take(self, request: TakeCommits) -> Taken:
        origin = _origin(request.repo)
        tip = tip_of(origin.gitdir, request.branch)
        again = f"`git branch -f {request.branch} {request.ours}` puts it back"
        if tip is None:
            raise _refused(
                f"there is no branch {request.branch} in {request.repo} any more; {again}"
            )
        if tip == request.ours:
            tree = self._database(request).commit(tip).tree.id
            return Taken(commit=tip, snapshot=str(tree), commits=0)
        if not _descends(origin.repository, tip, request.ours):
            raise _refused(
                f"{request.branch} is at {tip[:12]}, which is not on top of {request.ours[:12]}: "
                f"only commits on top of the run's own can be taken; {again}"
            )
        database = self._bring_in(origin, request)
        commit = database.commit(tip)
        ahead, _ = database.repository.ahead_behind(commit.id, pygit2.Oid(hex=request.ours))
        for _ in database.walk(commit.tree.id.raw):
            pass  # refuses a name that no checkout may create
        return Taken(commit=tip, snapshot=str(commit.tree.id), commits=ahead)

    def _prepare(self, request: MergeInto) -> ReadyMerge:
        origin = _origin(request.repo)
        tip = tip_of(origin.gitdir, request.branch)
        if tip is None:
            raise _refused(f"there is no branch {request.branch} in {request.repo}; make it first")
        database = self._bring_in(origin, request)
        theirs = str(database.commit(request.commit).tree.id)
        if tip == request.commit or _descends(database.repository, tip, request.commit):
            return ReadyMerge(tip=tip, snapshot=str(database.commit(tip).tree.id), there=True)
        if _descends(database.repository, request.commit, tip):
            return ReadyMerge(tip=tip, snapshot=theirs, forward=True)
        merge = MergeBranches(
            workspace=request.workspace, ours=tip, theirs=request.commit, label=request.label
        )
        merged = integrate.merge_branches(database, merge)
        paths = ", ".join(conflict.path for conflict in merged.conflicts[:5])
        more = merged.conflict_count - 5
        words = f"{paths} and {more} more" if more > 0 else paths
        return ReadyMerge(tip=tip, snapshot=merged.snapshot, conflicts=words)

    def _move(self, request: MoveBranch) -> Moved:
        origin, database = _origin(request.repo), self._database(request)
        try:
            bring_objects(database, origin, request.known, request.new)
        except OSError as error:
            reason = f"{error.strerror or error} ({error.filename or request.repo})"
            raise _refused(f"branch {request.branch} was not moved: {reason}") from error
        return Moved(moved=move(origin.gitdir, request.branch, request.old, request.new))

    def _bring_in(self, origin: Origin, request: TakeCommits | MergeInto) -> ObjectDatabase:
        """The run's objects, with all of the user's."""
        home = open_home(self._state, request.workspace)
        link_objects(origin, home.repository)
        return ObjectDatabase(home.repository)


def _origin(repo: str) -> Origin:
    try:
        return Origin(repo)
    except CadreError as error:
        raise _refused(error.message) from None


def _descends(repository: pygit2.Repository, commit: str, ancestor: str) -> bool:
    if ancestor not in repository:
        return False
    return bool(repository.descendant_of(pygit2.Oid(hex=commit), pygit2.Oid(hex=ancestor)))


def _plan(request: PlanDeliveries, commands: frozenset[str]) -> DeliveryPlan:
    origin = _origin(request.repo)
    remotes = run_git(origin.gitdir, "remote").stdout.split()
    refused, notes = [], []
    for target in request.targets:
        against = _against(target, origin, remotes, commands)
        if against:
            refused.append(f"--deliver {target}: {against}")
        elif target.kind is DeliveryKind.MERGE:
            checkout = held_by(origin.gitdir, target.name)
            if checkout is not None:
                notes.append(
                    f"{target}: {target.name} is checked out in {checkout}; it can be delivered "
                    "only when another branch is checked out there"
                )
    return DeliveryPlan(refused=tuple(refused), notes=tuple(notes))


def _against(target: Target, origin: Origin, remotes: list[str], commands: frozenset[str]) -> str:
    if target.kind is DeliveryKind.MERGE and tip_of(origin.gitdir, target.name) is None:
        return f"there is no branch {target.name} in {origin.path}"
    if target.kind is DeliveryKind.PUSH and target.name not in remotes:
        known = ", ".join(remotes) or "none"
        return f"{origin.path} has no remote {target.name} (it has {known})"
    if target.kind is DeliveryKind.COMMAND and target.name not in commands:
        return (
            f"the worker's setting delivery_commands names no command {target.name} "
            f"(it names {', '.join(sorted(commands)) or 'none'})"
        )
    return ""


def _refused(message: str) -> CadreError:
    return CadreError(ErrorKind.DELIVERY, message)
