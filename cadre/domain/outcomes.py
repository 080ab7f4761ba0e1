"""How parts, agents and runs stand and end."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from cadre.domain.base import Value
from cadre.domain.budget import Allowance, Bound, Estimate, Spent
from cadre.domain.decisions import Decided
from cadre.domain.deliveries import DeliveryLine
from cadre.domain.reports import Finding
from cadre.domain.workspaces import CheckResult, Delivery

# A run's ID is a branch name, a directory, and the prefix of its agents' workflow IDs.


class AgentState(StrEnum):
    """How an agent ended."""

    REPORTED = "reported"
    BOUND = "met a bound"
    REFUSED = "refused"
    CONTEXT_FULL = "context window full"
    GAVE_UP = "gave up"
    CANCELLED = "cancelled"
    FAILED = "failed"
    NOT_STARTED = "not started"


class AgentLine(Value):
    """One agent's line in a run's result; `definition_sha256` is of the file that defined it."""

    agent_id: str
    state: AgentState
    model: str
    definition_sha256: str
    turns: int
    spent: Spent
    why: str = ""


class Unsaid(Value):
    """What a model was to be told next when its agent ended: results of the tools that it called,
    by their IDs, and a word of the engine's. `charged` attempts at it are in the agent's books."""

    results: tuple[str, ...] = ()
    remark: str | None = None
    charged: int = 0


class AgentResult(Value):
    """What an agent leaves: its report where it made one, and always what it did and used.

    `snapshot` is the workspace's state at its end; `why` says in one line what ended it, where
    that was not its report, and `said` what its model said last, in short. `spent` is its own;
    `helpers` are its sub-agents with theirs, `active_seconds` the time in which it worked itself,
    all of it since its first beginning. Its conversation stays in the object store, so with
    `unsaid` it can go on where it stopped.
    """

    agent_id: str
    state: AgentState
    report: dict[str, object] | None = None
    report_key: str | None = None
    bound: Bound | None = None
    why: str = ""
    said: str = ""
    snapshot: str
    turns: int
    spent: Spent
    helpers: tuple[AgentLine, ...] = ()
    active_seconds: float = 0.0
    unsaid: Unsaid = Unsaid()

    @property
    def total(self) -> Spent:
        """What it and its sub-agents used."""
        return sum((line.spent for line in self.helpers), self.spent)

    @property
    def words(self) -> str:
        """How it ended, in a line."""
        state = self.state.value
        return f"{state}: {self.why}" if self.why not in ("", state) else state

    @property
    def out_of_budget(self) -> bool:
        """Whether it ended for want of money or tokens alone, so that it could go on with more."""
        return self.state is AgentState.BOUND and self.bound in (Bound.COST, Bound.TOKENS)


class RunStatus(StrEnum):
    """How a run stands or ended; search attribute `CadreStatus`."""

    PREPARING = "preparing"
    SCOUTING = "scouting"
    PLANNING = "planning"
    BUILDING = "building"
    CHECKING = "checking"
    REVIEWING = "reviewing"
    SPLITTING = "splitting"
    WAITING = "waiting for a decision"
    WORKING = "working"
    INTEGRATING = "integrating"
    DELIVERING = "delivering"
    APPROVED = "approved"
    NOT_APPROVED = "not approved"
    NOT_DELIVERED = "not delivered"
    PARTLY = "partly done"
    REJECTED = "rejected"
    OUT_OF_BUDGET = "out of budget"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PartState(StrEnum):
    """How a part of a fanned-out task stands or ended."""

    WAITING = "waiting"
    WORKING = "working"
    BUILT = "built"
    INTEGRATED = "integrated"
    RESOLVED = "integrated after a conflict"
    UNCHANGED = "nothing changed"
    LEFT_OUT = "left out"
    FAILED = "failed"

    @property
    def is_in(self) -> bool:
        """Whether the run's branch has it, or there is nothing of it to have."""
        return self in (PartState.INTEGRATED, PartState.RESOLVED, PartState.UNCHANGED)


class PartLine(Value):
    """One part's line in a run's result: what became of it, and why where it is not in.

    `branch` is where its work stays that the run's own branch does not have.
    """

    number: int
    title: str
    state: PartState = PartState.WAITING
    why: str = ""
    branch: str = ""


class RunResult(Value):
    """A run's outcome. Expected ends (not approved, out of budget) are results, not failures."""

    run: str
    status: RunStatus
    summary: str = ""
    findings: tuple[Finding, ...] = ()
    rounds: int = 0
    base: str = ""
    delivery: Delivery | None = None
    check_before: CheckResult | None = None
    check_after: CheckResult | None = None
    parts: tuple[PartLine, ...] = ()
    deliveries: tuple[DeliveryLine, ...] = ()
    agents: tuple[AgentLine, ...] = ()
    spent: Spent = Spent()
    notes: tuple[str, ...] = ()
    decisions: tuple[Decided, ...] = ()
    estimate: Estimate | None = None
    raised: Allowance | None = None  # what it might use, where a person raised its budget


class Ending(Value):
    """How a pattern's stages ended."""

    status: RunStatus
    summary: str
    findings: tuple[Finding, ...] = ()
    rounds: int = 0

    @classmethod
    def of(
        cls, status: RunStatus, summary: str, findings: Iterable[Finding], rounds: int
    ) -> Ending:
        """An ending after so many rounds."""
        return cls(status=status, summary=summary, findings=tuple(findings), rounds=rounds)
