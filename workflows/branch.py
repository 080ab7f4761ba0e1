"""A run's files as a pattern sees them: workspaces, and the branches that they become."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from temporalio import workflow
from temporalio.exceptions import ActivityError

from cadre.domain.deliveries import TakeCommits, Taken
from cadre.domain.integration import (
    FindMarkers,
    MergeBranches,
    Merged,
    NamedCommit,
    OrderBranches,
)
from cadre.domain.runs import RunInput
from cadre.domain.workspaces import (
    Change,
    CheckResult,
    CommitChange,
    Deliver,
    Delivery,
    DescribeChange,
    OpenedWorkspace,
    OpenWorkspace,
    RunCheck,
    Workspace,
)
from workflows import files, gateway

MAIN = "main"
# Who commits what no agent wrote.
ENGINE = "cadre"


class Branch:
    """A workspace, and the commits that the engine makes of it.

    `snapshot` is the files' state after the last agent that wrote, `writer` that agent, `head` the
    last commit. `target` is the branch that it becomes in the user's repository.
    """

    def __init__(self, spec: RunInput, workspace: Workspace) -> None:
        self._spec = spec
        self.workspace = workspace
        self.snapshot = self._committed = workspace.snapshot
        self.head = workspace.base
        self.writer = ENGINE
        self._left_at = ""  # where the delivered branch was last seen
        # A branch `cadre/r` leaves no room for `cadre/r/2`, and no run's ID has a plus sign.
        aside = "" if workspace.name == MAIN else f"+{workspace.name}"
        self.target = f"cadre/{spec.run}{aside}"

    @classmethod
    async def open(
        cls, spec: RunInput, name: str = MAIN, base: str = ""
    ) -> tuple[Branch, OpenedWorkspace]:
        """An isolated copy of the run's repository, with the environment that `setup` makes."""
        opened = await files.open_workspace(
            OpenWorkspace(
                run=spec.run,
                name=name,
                repo=spec.repo,
                base=base or spec.base,
                setup=spec.setup,
                setup_network=spec.setup_network,
            )
        )
        return cls(spec, opened.workspace), opened

    async def check(
        self, command: str, name: str, *, guard_tests: bool, snapshot: str = ""
    ) -> CheckResult:
        """Run `command` on a throw-away copy of the files as they are, or of another snapshot."""
        return await files.check(
            RunCheck(
                workspace=self.workspace,
                snapshot=snapshot or self.snapshot,
                command=command,
                name=name,
                guard_tests=guard_tests,
            )
        )

    async def describe(self, name: str, *, committed: bool = False) -> Change:
        """The change since the base, as a diff that an agent can read; with `committed` without
        what no commit holds."""
        snapshot = self._committed if committed else self.snapshot
        return await files.describe(
            DescribeChange(workspace=self.workspace, snapshot=snapshot, name=name)
        )

    @property
    def dirty(self) -> bool:
        """Whether there is something that no commit holds yet."""
        return self.snapshot != self._committed

    @property
    def changed(self) -> bool:
        """Whether there is anything that the base does not have."""
        return self.dirty or self.head != self.workspace.base

    async def commit(self, subject: str, body: str) -> None:
        """Commit the files as they are, as their writer; nothing where they have not changed."""
        if self.dirty:
            await self._commit(subject, body, (self.head,))

    async def merge_order(self, branches: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        """Names of branches, given with their commits, in an order that makes few conflicts."""
        named = tuple(NamedCommit(name=name, commit=commit) for name, commit in branches)
        order = await files.order(OrderBranches(workspace=self.workspace, branches=named))
        return tuple(step.name for step in order.steps)

    async def merge(self, theirs: str, label: str) -> Merged:
        """Take the commit `theirs` into the files, with markers where the two are in conflict.

        `commit_merge` or `back_to` ends it.
        """
        merged = await files.merge(
            MergeBranches(workspace=self.workspace, ours=self.head, theirs=theirs, label=label)
        )
        self.snapshot, self.writer = merged.snapshot, ENGINE
        return merged

    async def commit_merge(self, theirs: str, subject: str, body: str) -> None:
        """Commit the files as they are, as a merge of the commit `theirs`."""
        await self._commit(subject, body, (self.head, theirs))

    async def markers(self) -> tuple[str, ...]:
        """Files in which a merge's conflict markers still stand, the first of them."""
        request = FindMarkers(workspace=self.workspace, snapshot=self.snapshot, ours=self.head)
        return await files.find_markers(request)

    def back_to_head(self) -> None:
        """Give up what no commit holds."""
        self.snapshot = self._committed

    async def _commit(self, subject: str, body: str, parents: tuple[str, ...]) -> None:
        self.head = await files.commit(
            CommitChange(
                workspace=self.workspace,
                snapshot=self.snapshot,
                parents=parents,
                author=self.writer,
                subject=subject,
                body=body,
                seconds_since_epoch=int(workflow.now().timestamp()),
            )
        )
        self._committed = self.snapshot

    async def deliver(self) -> Delivery | None:
        """The commits as a branch of the user's repository; None where there are none."""
        await self.commit("Work in progress", f"{self.writer} ended without a report.")
        if self.head == self.workspace.base:
            return None
        delivery = await files.deliver(
            Deliver(
                workspace=self.workspace,
                repo=self._spec.repo,
                commit=self.head,
                branch=self.target,
                before=self._left_at,
            )
        )
        self._left_at = self.head
        return delivery

    async def take(self) -> int:
        """Take in what a person committed on the delivered branch; how many commits that is.

        Raises ActivityError where the branch is not on top of what was delivered.
        """
        taken = await self._taken()
        self.head = self._left_at = taken.commit
        self.snapshot = self._committed = taken.snapshot
        return taken.commits

    async def tip(self) -> str:
        """The commit at which the delivered branch is now, ours or one on top of it; raises as
        `take` does."""
        return (await self._taken()).commit

    def _taken(self) -> Awaitable[Taken]:
        return files.take(
            TakeCommits(
                workspace=self.workspace,
                repo=self._spec.repo,
                branch=self.target,
                ours=self.head,
            )
        )


async def deliver(branches: Sequence[Branch]) -> tuple[Delivery | None, list[str]]:
    """Deliver them all, whatever becomes of one: the delivery of the last, and what went wrong."""
    delivery, failures = None, []
    for branch in branches:
        try:
            delivery = await branch.deliver()
        except ActivityError as failure:
            delivery = None
            failures.append(f"{branch.target}: {gateway.reason(failure)}")
    return delivery, failures
