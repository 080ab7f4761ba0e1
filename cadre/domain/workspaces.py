"""A run's files: the isolated copy, its snapshots, the checks on it and what becomes of it."""

from __future__ import annotations

from pydantic import Field

from cadre.domain.base import Value


class Workspace(Value):
    """An isolated copy of a repository at one commit, which a run's agents work on.

    `base` is the commit it started from, `snapshot` the tree it held right after it was opened
    (full object IDs, hexadecimal). A snapshot names the files' exact state: it is the ID of a
    git tree in the run's own repository.
    """

    run: str
    name: str
    base: str
    snapshot: str


class OpenWorkspace(Value):
    """Open a workspace `name` for `run` on `repo` (an absolute path) at `base` (any revision).

    `setup` is a shell command that prepares the environment in the sandbox; what it leaves
    behind is cache, never part of the result.
    """

    run: str
    name: str = "main"
    repo: str
    base: str = "HEAD"
    setup: str | None = None
    setup_network: bool = False
    setup_timeout_seconds: float = Field(default=1800, gt=0)


class CommandOutcome(Value):
    """How a command ended. `tail` is the end of its output, at most 2,000 characters; all that
    was kept of it lies in the object store under `output_key`."""

    command: str
    exit_code: int
    timed_out: bool = False
    seconds: float
    tail: str
    output_key: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it ended by itself with status 0."""
        return self.exit_code == 0 and not self.timed_out


class OpenedWorkspace(Value):
    """An open workspace. `notes` tell the user what stayed out and why, one line each;
    `setup` is None where no command was given or its result came from the cache."""

    workspace: Workspace
    sandbox: str
    notes: tuple[str, ...] = ()
    setup: CommandOutcome | None = None

    @property
    def problem(self) -> str:
        """What keeps agents from working there, with the end of its output; empty if nothing."""
        if self.setup is None or self.setup.passed:
            return ""
        return f"the setup command failed: {self.setup.tail.strip()[-400:]}"


class RunCheck(Value):
    """Run `command` on a throw-away copy of `snapshot`, as the engine, in the sandbox.

    With `guard_tests` it is run a second time with the tests of the base commit restored,
    where the snapshot changed or deleted any.
    """

    workspace: Workspace
    snapshot: str
    command: str
    name: str
    guard_tests: bool = False
    timeout_seconds: float = Field(default=1800, gt=0)


class CheckResult(Value):
    """A check's outcome as the snapshot is, and with the base's tests put back.

    `changed_tests` are files of the base that decide about the check (tests, their
    configuration, what the command names) and that the snapshot changed or deleted, at most 50.
    `with_base_tests` is None where there are none or it was not asked for.
    """

    as_is: CommandOutcome
    with_base_tests: CommandOutcome | None = None
    changed_tests: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the command passes as it is."""
        return self.as_is.passed

    @property
    def bent(self) -> bool:
        """Whether it passes only because tests of the base were changed or deleted."""
        return self.passed and self.with_base_tests is not None and not self.with_base_tests.passed


class DiffStat(Value):
    """How large a change is."""

    files: int = 0
    insertions: int = 0
    deletions: int = 0


class DescribeChange(Value):
    """Describe how `snapshot` differs from the snapshot `since`, or from the workspace's base, for
    an agent or a person to read."""

    workspace: Workspace
    snapshot: str
    name: str
    since: str | None = None


class Change(Value):
    """A described change: its size, and the object-store key of the full diff as text."""

    stat: DiffStat
    diff_key: str


class CommitChange(Value):
    """Commit `snapshot` in the run's repository, as `author` (an agent), on top of one parent, or
    of two as their merge.

    `seconds_since_epoch` fixes the commit's date, so that a repetition gives the same commit.
    """

    workspace: Workspace
    snapshot: str
    parents: tuple[str, ...] = Field(min_length=1, max_length=2)
    author: str
    subject: str
    body: str
    seconds_since_epoch: int


class Deliver(Value):
    """Fetch `commit` of the run's repository into the user's repository as branch `branch`, which
    the run left there at `before`, if it made it already."""

    workspace: Workspace
    repo: str
    commit: str
    branch: str
    before: str = ""


class Delivery(Value):
    """The branch as it now stands in the user's repository."""

    branch: str
    commit: str
    stat: DiffStat
