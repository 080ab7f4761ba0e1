"""Merges an approved commit into a branch of the user's: merge ─▶ check ─▶ move the branch."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from cadre.domain.acceptance import conflict_text
from cadre.domain.briefs import command_text
from cadre.domain.deliveries import MergeInto, MoveBranch, ReadyMerge, Target
from cadre.domain.workspaces import CommitChange
from workflows import files
from workflows.branch import ENGINE
from workflows.ends import unless_cancelled
from workflows.run import Run

# How often a branch may move while it is merged.
MAX_MOVES = 20


class Merging:
    """Merges `commit`; `name` is what the check of a merge is called."""

    def __init__(self, run: Run, target: Target, commit: str, name: str) -> None:
        self._run = run
        self._target = target
        self._commit = commit
        self._name = name

    async def merged(self) -> tuple[str, str]:
        """The commit at which the user's branch then is, or why it is not merged. Doing it again
        changes nothing. Raises ActivityError where it is refused."""
        target = self._target
        for _ in range(MAX_MOVES):
            ready = await self._prepared()
            if ready.there:
                return ready.tip, ""
            if ready.conflicts:
                return "", conflict_text(target, self._run.main.target, ready.conflicts)
            new = self._commit
            if not ready.forward:
                if broken := await self._broken(ready.snapshot):
                    return "", f"merged with {target.name} as it is now, the check fails. {broken}"
                new = await self._committed(ready)
            unless_cancelled()
            if await self._moved(ready.tip, new):
                return new, ""
        return "", f"{target.name} moved again and again while it was merged"

    async def found(self) -> str:
        """The commit at which the user's branch is, where it has what was merged; else empty."""
        try:
            ready = await self._prepared()
        except ActivityError:
            return ""
        return ready.tip if ready.there else ""

    async def _prepared(self) -> ReadyMerge:
        run = self._run
        return await files.prepare_merge(
            MergeInto(
                workspace=run.main.workspace,
                repo=run.spec.repo,
                branch=self._target.name,
                commit=self._commit,
                label=f"run {run.spec.run}",
            )
        )

    async def _broken(self, snapshot: str) -> str:
        """What the check has against a merge, where it has nothing against the result."""
        run = self._run
        command, after = run.spec.check, run.ledger.check_after
        if command is None or (after is not None and not after.passed):
            return ""
        check = await run.main.check(command, self._name, guard_tests=False, snapshot=snapshot)
        return "" if check.passed else command_text(check.as_is)

    async def _committed(self, ready: ReadyMerge) -> str:
        run = self._run
        return await files.commit(
            CommitChange(
                workspace=run.main.workspace,
                snapshot=ready.snapshot,
                parents=(ready.tip, self._commit),
                author=ENGINE,
                subject=f"Merge {run.main.target} into {self._target.name}",
                body=run.spec.subject,
                seconds_since_epoch=int(workflow.now().timestamp()),
            )
        )

    async def _moved(self, old: str, new: str) -> bool:
        run = self._run
        return await files.move_branch(
            MoveBranch(
                workspace=run.main.workspace,
                repo=run.spec.repo,
                branch=self._target.name,
                old=old,
                new=new,
                known=(old, self._commit),
            )
        )
