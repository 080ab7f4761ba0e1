"""A run from its start to its result, and an agent's part in it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from pydantic import Field, field_validator

from cadre.domain.agents import Agent, Role
from cadre.domain.base import Value
from cadre.domain.budget import Bound, Limits, Spent
from cadre.domain.reports import Finding
from cadre.domain.roles import BUILDER, PLANNER, REVIEWER, SCOUT
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import CheckResult, Delivery, Workspace

# A run's ID is a branch name, a directory, and the prefix of its agents' workflow IDs.
RUN_ID_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]|\.[a-z0-9_-]){0,62}$"
TASK_QUEUE = "cadre"


class AgentState(StrEnum):
    """How an agent ended."""

    REPORTED = "reported"
    BOUND = "met a bound"
    REFUSED = "refused"
    CONTEXT_FULL = "context window full"
    GAVE_UP = "gave up"
    CANCELLED = "cancelled"
    FAILED = "failed"


class AgentSpec(Value):
    """Input of the agent workflow, whose ID is `<run>/<agent_id>`."""

    run: str
    agent_id: str
    agent: Agent
    task: str
    context: tuple[ContextItem, ...] = ()
    workspace: Workspace
    snapshot: str
    limits: Limits


class AgentResult(Value):
    """What an agent leaves: its report where it made one, and always what it did and used.

    `snapshot` is the workspace's state at its end; `why` says in one line what ended it, where
    that was not its report.
    """

    agent_id: str
    state: AgentState
    report: dict[str, object] | None = None
    report_key: str | None = None
    bound: Bound | None = None
    why: str = ""
    snapshot: str
    turns: int
    spent: Spent


class PrepareRun(Value):
    """Freeze what a run uses: definitions, models, prices (activity `run.prepare`).

    `roles` maps each role of the pattern to the name of the definition that shall fill it.
    """

    run: str
    repo: str
    base: str
    roles: tuple[tuple[Role, str], ...]
    disallowed_tools: tuple[str, ...] = ()
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
    APPROVED = "approved"
    NOT_APPROVED = "not approved"
    OUT_OF_BUDGET = "out of budget"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AgentLine(Value):
    """One agent's line in a run's result; `definition_sha256` is of the file that defined it."""

    agent_id: str
    state: AgentState
    model: str
    definition_sha256: str
    turns: int
    spent: Spent
    why: str = ""


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
    agents: tuple[AgentLine, ...] = ()
    spent: Spent = Spent()
    notes: tuple[str, ...] = ()


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


class RunInput(Value):
    """What every pattern takes. The command line derives its options from these fields."""

    run: str = Field(pattern=RUN_ID_PATTERN, max_length=64, description="The run's ID.")
    task: str = Field(min_length=1, max_length=16_000, description="What shall be done.")
    repo: str = Field(description="Path of the repository.")
    base: str = Field(default="HEAD", description="Commit, branch or tag to start from.")
    setup: str | None = Field(default=None, description="Command that prepares the environment.")
    setup_network: bool = Field(default=False, description="Let the setup command use the network.")
    check: str | None = Field(default=None, description="Command that must pass on the result.")
    max_turns: int = Field(default=60, ge=1, le=1000, description="Model calls of one agent.")
    max_cost_usd: Decimal = Field(
        default=Decimal(10), gt=0, description="US dollars that the run may cost."
    )
    max_minutes: float = Field(default=60, gt=0, description="Active minutes of one agent.")
    disallowed_tools: tuple[str, ...] = Field(
        default=(), description="Tools that no agent of the run may use."
    )
    trust_repo: bool = Field(
        default=False, description="Let the repository's own definitions fill locked roles."
    )

    @field_validator("run")
    @classmethod
    def _is_a_branch(cls, run: str) -> str:
        if run.endswith(".lock"):
            raise ValueError("git refuses a branch that ends in .lock")
        return run

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """The roles of the pattern, each with the name of the definition that shall fill it."""
        return ()


class PipelineInput(RunInput):
    """Scout, plan, build and review a task on a repository."""

    allow_test_changes: bool = Field(
        default=False, description="Accept a check that passes only with changed tests."
    )
    scouts: int = Field(default=1, ge=1, le=10, description="How many scouts look around at once.")
    max_rounds: int = Field(default=3, ge=1, le=10, description="How many builds are reviewed.")
    scout: str = Field(default="scout", description="Agent definition that scouts.")
    planner: str = Field(default="planner", description="Agent definition that plans.")
    builder: str = Field(default="builder", description="Agent definition that builds.")
    reviewer: str = Field(default="reviewer", description="Agent definition that reviews.")

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """Scout, planner, builder and reviewer."""
        return (
            (SCOUT, self.scout),
            (PLANNER, self.planner),
            (BUILDER, self.builder),
            (REVIEWER, self.reviewer),
        )


class RecordAgent(Value):
    """Write the record of an agent that ended (activity `record.agent`)."""

    run: str
    agent_id: str


class RecordRun(Value):
    """Write the record of a run that is about to close (activity `record.run`)."""

    run: str
    result: RunResult
