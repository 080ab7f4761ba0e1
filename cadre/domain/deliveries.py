"""What becomes of an approved result: where it is brought, at most once, and how that ended."""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import Field

from cadre.domain.base import Value
from cadre.domain.workspaces import Workspace

MAX_DELIVERIES = 10
# What of a command's output a result holds, in characters; all that was kept is in the store.
MAX_TAIL_CHARS = 1000
# A remote is one that the repository knows: an address might be a command (`ext::…`).
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BRANCH = re.compile(r"(?!-)[^\s~^:?*{\[\\\x00-\x1f\x7f]{1,200}")
PULL_REQUEST = "pr"
FORMS = "merge:BRANCH, push:REMOTE[/BRANCH], pr or command:NAME"


class DeliveryKind(StrEnum):
    """The ways in which a result is delivered."""

    MERGE = "merge"  # into a branch of the user's repository
    PUSH = "push"  # to a remote of the user's repository
    COMMAND = "command"  # by a command that the operator's settings name


class Target(Value):
    """Where to deliver. `name` is a branch, a remote or a command; `branch` that of a remote,
    where it shall not be called as the run's."""

    kind: DeliveryKind
    name: str
    branch: str = ""

    @classmethod
    def of(cls, text: str) -> Target:
        """The target that `text` names, in one of `FORMS`; a ValueError if it is none."""
        kind, colon, rest = text.partition(":")
        if text == PULL_REQUEST:
            return cls(kind=DeliveryKind.COMMAND, name=PULL_REQUEST)
        if kind == DeliveryKind.MERGE and _BRANCH.fullmatch(rest):
            return cls(kind=DeliveryKind.MERGE, name=rest)
        remote, slash, branch = rest.partition("/")
        named = not slash or _BRANCH.fullmatch(branch)
        if kind == DeliveryKind.PUSH and _NAME.fullmatch(remote) and named:
            return cls(kind=DeliveryKind.PUSH, name=remote, branch=branch)
        if kind == DeliveryKind.COMMAND and colon and _NAME.fullmatch(rest):
            return cls(kind=DeliveryKind.COMMAND, name=rest)
        raise ValueError(f"{text!r} is none of {FORMS}")

    def __str__(self) -> str:
        branch = f"/{self.branch}" if self.branch else ""
        return f"{self.kind.value}:{self.name}{branch}"


class DeliveryState(StrEnum):
    """How a delivery ended."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it was begun, and whoever did it died
    TAKEN_AS_DONE = "taken as done"  # by the word of a person
    NOT_TRIED = "not tried"


class DeliveryLine(Value):
    """One delivery's line in a run's result. `commit` is what was brought there: the approved one,
    or the engine's merge of it; `output_key` has what a command said. `absent`: a push was begun
    and the remote was seen without it, so that pushing once more cannot do it twice."""

    target: str
    state: DeliveryState = DeliveryState.NOT_TRIED
    commit: str = ""
    why: str = ""
    output_key: str | None = None
    absent: bool = False

    @property
    def settled(self) -> bool:
        """Whether it counts as done."""
        return self.state in (DeliveryState.DONE, DeliveryState.TAKEN_AS_DONE)


class PlanDeliveries(Value):
    """Find out, before anything is spent, what stands against deliveries from `repo`."""

    repo: str
    targets: tuple[Target, ...] = Field(max_length=MAX_DELIVERIES)


class DeliveryPlan(Value):
    """`refused` keeps the run from beginning; `notes` a person should know before they decide."""

    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class TakeCommits(Value):
    """Look at the run's branch `branch` in the user's repository, which was left at `ours`, and
    bring what was committed on it into the run's repository."""

    workspace: Workspace
    repo: str
    branch: str
    ours: str


class Taken(Value):
    """The branch as it stands: its commit, that commit's tree as a snapshot, and how many commits
    it has on top of ours."""

    commit: str
    snapshot: str
    commits: int


class MergeInto(Value):
    """Prepare the merge of `commit` into the user's branch `branch`; nothing is changed there."""

    workspace: Workspace
    repo: str
    branch: str
    commit: str
    label: str


class ReadyMerge(Value):
    """What merging comes to: `tip` is where the branch is now, `snapshot` the merged files. It has
    the commit already (`there`), can go forward to it (`forward`), or needs a merge commit, unless
    there are `conflicts` (in words)."""

    tip: str
    snapshot: str
    there: bool = False
    forward: bool = False
    conflicts: str = ""


class MoveBranch(Value):
    """Let the user's branch `branch` go from `old` to `new`, a descendant, whose objects are
    brought there first. `known` are commits that the user's repository has."""

    workspace: Workspace
    repo: str
    branch: str
    old: str
    new: str
    known: tuple[str, ...]


class Moved(Value):
    """Whether the branch was where it was expected, and now is at the new commit."""

    moved: bool


def try_name(number: int, attempt: int) -> str:
    """What a try of a run's delivery is called."""
    return f"delivery.{number}.{attempt}"


class MakeDelivery(Value):
    """Push, or run the operator's command, at most once: `number` counts a run's deliveries from 1,
    `attempt` the times that somebody had it tried."""

    run: str
    number: int
    attempt: int
    target: Target
    repo: str
    branch: str
    base: str
    commit: str
    title: str
    body: str

    @property
    def name(self) -> str:
        """What its record and its output are called."""
        return try_name(self.number, self.attempt)

    def environment(self) -> dict[str, str]:
        """What a command is told. Agents may have written these texts: they are data."""
        return {
            "CADRE_RUN": self.run,
            "CADRE_REPO": self.repo,
            "CADRE_BRANCH": self.branch,
            "CADRE_BASE": self.base,
            "CADRE_COMMIT": self.commit,
            "CADRE_TITLE": self.title,
            "CADRE_BODY": self.body,
        }
