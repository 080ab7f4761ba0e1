"""A run from its start to its result, and an agent's part in it."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, field_validator

from cadre.domain.agents import Agent, Role
from cadre.domain.base import Value
from cadre.domain.budget import Limits
from cadre.domain.decisions import Policy
from cadre.domain.outcomes import AgentResult, RunResult
from cadre.domain.permissions import PermissionMode
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import Workspace

# A run's ID is a branch name, a directory, and the prefix of its agents' workflow IDs.
RUN_ID_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]|\.[a-z0-9_-]){0,62}$"
TASK_QUEUE = "cadre"
# Each agent and each part has a line in the run's result, and no payload is larger than 64 KB.
MAX_AGENTS = 64
# A task travels in the history, with what its agent may do.
MAX_TASK_BYTES = 16 * 1024


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
        "that ran out, a merge that cannot be settled, a review that keeps saying no.",
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
    allow_test_changes: bool = Field(
        default=False, description="Accept a check that passes only with changed tests."
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

    def preparation(self, base: str) -> PrepareRun:
        """What is to be frozen for this run, which starts from the commit `base`."""
        return PrepareRun(
            run=self.run,
            repo=self.repo,
            base=base,
            roles=self.cast(),
            disallowed_tools=self.disallowed_tools,
            permission_mode=self.permission_mode,
            allow=self.allow,
            deny=self.deny,
            no_hooks=self.no_hooks,
            trust_repo=self.trust_repo,
        )

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
