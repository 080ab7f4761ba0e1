"""A run's files as a pattern sees them: one workspace, and the branch that it becomes."""

from __future__ import annotations

from temporalio import workflow

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
from workflows import gateway


class Branch:
    """The workspace that a run's agents share, and the commits that the engine makes of it.

    `snapshot` is the files' state after the last agent that wrote, `writer` that agent, `head` the
    last commit.
    """

    def __init__(self, spec: RunInput, opened: OpenedWorkspace) -> None:
        self._spec = spec
        self.workspace: Workspace = opened.workspace
        self.snapshot = self._committed = opened.workspace.snapshot
        self.head = opened.workspace.base
        self.writer = ""

    @classmethod
    async def open(cls, spec: RunInput) -> tuple[Branch, OpenedWorkspace]:
        """An isolated copy of the run's repository, with the environment that `setup` makes."""
        opened = await gateway.open_workspace(
            OpenWorkspace(
                run=spec.run,
                repo=spec.repo,
                base=spec.base,
                setup=spec.setup,
                setup_network=spec.setup_network,
            )
        )
        return cls(spec, opened), opened

    async def check(self, command: str, name: str, *, guard_tests: bool) -> CheckResult:
        """Run `command` on a throw-away copy of the files as they are."""
        return await gateway.check(
            RunCheck(
                workspace=self.workspace,
                snapshot=self.snapshot,
                command=command,
                name=name,
                guard_tests=guard_tests,
            )
        )

    async def describe(self, name: str) -> Change:
        """The change since the base, as a diff that an agent can read."""
        return await gateway.describe(
            DescribeChange(workspace=self.workspace, snapshot=self.snapshot, name=name)
        )

    @property
    def dirty(self) -> bool:
        """Whether there is something that no commit holds yet."""
        return self.snapshot != self._committed

    async def commit(self, subject: str, body: str) -> None:
        """Commit the files as they are, as their writer; nothing where they have not changed."""
        if not self.dirty:
            return
        self.head = await gateway.commit(
            CommitChange(
                workspace=self.workspace,
                snapshot=self.snapshot,
                parent=self.head,
                author=self.writer,
                subject=subject,
                body=body,
                seconds_since_epoch=int(workflow.now().timestamp()),
            )
        )
        self._committed = self.snapshot

    async def deliver(self) -> Delivery | None:
        """The commits as a branch of the user's repository; None where there are none."""
        if self.head == self.workspace.base:
            return None
        return await gateway.deliver(
            Deliver(
                workspace=self.workspace,
                repo=self._spec.repo,
                commit=self.head,
                branch=f"cadre/{self._spec.run}",
            )
        )

    async def close(self) -> None:
        """Clear the run's own repository and worktrees away."""
        await gateway.close_workspace(self._spec.run)
