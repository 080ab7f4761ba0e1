"""A run from its start to its result, and an agent's part in it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from pydantic import Field, field_validator

from cadre.domain.agents import Agent, Role
from cadre.domain.base import Value
from cadre.domain.budget import Bound, Estimate, Limits, Spent
from cadre.domain.decisions import Decided, Policy
from cadre.domain.deliveries import DeliveryLine
from cadre.domain.permissions import PermissionMode
from cadre.domain.reports import Finding
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import CheckResult, Delivery, Workspace

# A run's ID is a branch name, a directory, and the prefix of its agents' workflow IDs.
RUN_ID_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]|\.[a-z0-9_-]){0,62}$"
TASK_QUEUE = "cadre"
# Each agent and each part has a line in the run's result, and no payload is larger than 64 KB.
MAX_AGENTS = 64
# A task travels in the history, with what its agent may do.
MAX_TASK_BYTES = 16 * 1024


class AgentState(StrEnum):
    """How an agent ended."""

    REPORTED = "reported"
    BOUND = "met a bound"
    REFUSED = "refused"
    CONTEXT_FULL = "context window full"
    GAVE_UP = "gave up"
    CANCELLED = "cancelled"
    FAILED = "failed"


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
    `helpers` are its sub-agents with theirs. Its conversation stays in the object store, so with
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
    unsaid: Unsaid = Unsaid()

    @property
    def total(self) -> Spent:
        """What it and its sub-agents used."""
        return sum((line.spent for line in self.helpers), self.spent)

    @property
    def out_of_budget(self) -> bool:
        """Whether it ended for want of money or tokens alone, so that it could go on with more."""
        return self.state is AgentState.BOUND and self.bound in (Bound.COST, Bound.TOKENS)


class AgentSpec(Value):
    """Input of the agent workflow, whose ID is `<run>/<agent_id>`. `before` is how it ended before,
    where it goes on; the limits then count from its first beginning."""

    run: str
    agent_id: str
    agent: Agent
    task: str
    conventions: ContextItem | None = None
    context: tuple[ContextItem, ...] = ()
    workspace: Workspace
    snapshot: str
    limits: Limits
    policy: Policy = Policy(no_ask=True)
    before: AgentResult | None = None


class PrepareRun(Value):
    """Freeze what a run uses: definitions, models, prices (activity `run.prepare`).

    `roles` maps each role of the pattern to the name of the definition that shall fill it.
    """

    run: str
    repo: str
    base: str
    roles: tuple[tuple[Role, str], ...]
    disallowed_tools: tuple[str, ...] = ()
    permission_mode: PermissionMode | None = None
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    no_hooks: bool = False
    trust_repo: bool = False


class PreparedRun(Value):
    """The frozen agents of a run by role, the repository's conventions, and notes for the user."""

    agents: dict[str, Agent]
    conventions: ContextItem | None = None
    notes: tuple[str, ...] = ()


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


class RunInput(Policy):
    """What every pattern takes. The command line derives its options from these fields."""

    run: str = Field(pattern=RUN_ID_PATTERN, max_length=64, description="The run's ID.")
    task: str = Field(min_length=1, max_length=16_000, description="What shall be done.")
    repo: str = Field(description="Path of the repository.")
    base: str = Field(default="HEAD", description="Commit, branch or tag to start from.")
    setup: str | None = Field(
        default=None, max_length=4000, description="Command that prepares the environment."
    )
    setup_network: bool = Field(default=False, description="Let the setup command use the network.")
    check: str | None = Field(
        default=None, max_length=4000, description="Command that must pass on the result."
    )
    max_turns: int = Field(default=60, ge=1, le=1000, description="Model calls of one agent.")
    max_cost_usd: Decimal = Field(
        default=Decimal(10), gt=0, description="US dollars that the run may cost."
    )
    max_tokens: int = Field(
        default=50_000_000,  # a million for each of the agents that a run may have by default
        ge=1,
        description="Tokens that the run may use: prompts, cached or not, and answers.",
    )
    max_minutes: float = Field(default=60, gt=0, description="Active minutes of one agent.")
    max_agents: int = Field(
        default=50, ge=1, le=MAX_AGENTS, description="Agents that the run may have in all."
    )
    max_depth: int = Field(
        default=2, ge=1, le=5, description="Levels of agents: with 2, agents may have sub-agents."
    )
    at_once: int = Field(
        default=20, ge=1, le=MAX_AGENTS, description="Agents that work at the same time."
    )
    ask: bool = Field(
        default=False,
        description="Ask a person about what would end the run or leave a part of it out: a budget "
        "that ran out, a merge that cannot be settled.",
    )
    disallowed_tools: tuple[str, ...] = Field(
        default=(), description="Tools that no agent of the run may use."
    )
    permission_mode: PermissionMode | None = Field(
        default=None,
        description="acceptEdits, default, plan or bypassPermissions: what needs no rule to allow "
        "it; if left out, all that the sandbox lets.",
    )
    allow: tuple[str, ...] = Field(
        default=(), description="Rule for what a mode would ask about, such as 'Bash(pytest:*)'."
    )
    deny: tuple[str, ...] = Field(
        default=(), description="Rule for what no agent may do, such as 'Edit(docs/**)'."
    )
    no_hooks: bool = Field(
        default=False, description="Run none of the hooks in the repository's settings."
    )
    trust_repo: bool = Field(
        default=False, description="Let the repository's own definitions fill locked roles."
    )

    @field_validator("task")
    @classmethod
    def _fits_the_history(cls, task: str) -> str:
        if len(task.encode()) > MAX_TASK_BYTES:
            raise ValueError(
                f"it has more than {MAX_TASK_BYTES} bytes: put it into a file of the repository"
            )
        return task

    @field_validator("run")
    @classmethod
    def _is_a_branch(cls, run: str) -> str:
        if run.endswith(".lock"):
            raise ValueError("git refuses a branch that ends in .lock")
        return run

    @property
    def policy(self) -> Policy:
        """Who decides in this run, apart from all else."""
        return Policy.model_validate({name: getattr(self, name) for name in Policy.model_fields})

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """The roles of the pattern, each with the name of the definition that shall fill it."""
        return ()

    def headcount(self) -> dict[str, tuple[int, int]]:
        """How many agents of each role the run will have, at least and at most."""
        return {role.name: (1, 1) for role, _ in self.cast()}

    @property
    def asks(self) -> bool:
        """Whether the run may ask a person before it goes on."""
        return self.ask

    @property
    def subject(self) -> str:
        """What the run is about, in a line."""
        return self.task

    @property
    def details(self) -> str:
        """What the run is about, in full, as Markdown."""
        return self.task


class RecordAgent(Value):
    """Write the record of an agent that ended (activity `record.agent`)."""

    run: str
    agent_id: str


class RecordRun(Value):
    """Write the record of a run that is about to close (activity `record.run`)."""

    run: str
    result: RunResult
