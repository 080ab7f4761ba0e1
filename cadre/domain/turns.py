"""One turn of an agent: the model's call with its answer, and the tool calls that it asked for.

History holds references. A conversation's segments lie in the object store under its run and
agent, one for each turn, so that nothing here grows with the transcript.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from cadre.domain.agents import Agent
from cadre.domain.base import Value
from cadre.domain.budget import Allowance, Bound
from cadre.domain.decisions import Decided
from cadre.domain.permissions import Permissions
from cadre.domain.usage import Usage
from cadre.domain.workspaces import Workspace


class ContextItem(Value):
    """Something an agent reads before its task: a title, and the object-store key of the text.

    `trusted` tells the engine's own findings from text that an agent or a repository wrote.
    """

    title: str
    key: str
    trusted: bool = False


class Opening(Value):
    """How a conversation starts: the task and the context, given with the first turn alone."""

    task: str
    context: tuple[ContextItem, ...] = ()


class ModelCall(Value):
    """Ask the model for the answer of one turn (activity `model.call`).

    `turn` counts from 1. `results` are the IDs of the tool uses of the turn before, whose
    results lie in the object store; `remark` is the engine's own word to the agent (a report
    that did not fit, an answer that was cut off). `max_tokens` bounds the answer. `charged` of the
    turn's attempts are in the agent's books already.
    """

    run: str
    agent_id: str
    turn: int = Field(ge=1)
    agent: Agent
    opening: Opening | None = None
    results: tuple[str, ...] = ()
    remark: str | None = None
    allowance: Allowance
    max_tokens: int = Field(default=32_000, ge=1)
    charged: int = 0


class ToolUse(Value):
    """A tool call that the model asks for; its input stays in the object store.

    `title` says what it does in at most 80 characters, such as `Bash: pytest -q`.
    """

    id: str
    name: str
    title: str
    read_only: bool


class ToolsWanted(Value):
    """The model wants these tools run, and their results."""

    kind: Literal["tools"] = "tools"
    uses: tuple[ToolUse, ...] = Field(min_length=1)


class Reported(Value):
    """The agent ended its turn with a report that fits its schema; `key` is its place in the
    object store, `report` the same inline."""

    kind: Literal["report"] = "report"
    key: str
    report: dict[str, object]


class BadReport(Value):
    """The agent ended its turn with something that is not its report."""

    kind: Literal["bad_report"] = "bad_report"
    reason: str


class Interrupted(Value):
    """The answer stopped before its end: cut at `max_tokens`, or paused by the service."""

    kind: Literal["interrupted"] = "interrupted"
    why: Literal["max_tokens", "pause_turn"]


class Declined(Value):
    """The model will not go on: it refused, or its context window is full."""

    kind: Literal["declined"] = "declined"
    why: Literal["refusal", "context_window"]
    detail: str = ""


class OutOfBudget(Value):
    """No attempt was made: its worst case does not fit what is left."""

    kind: Literal["out_of_budget"] = "out_of_budget"
    bound: Bound


Outcome = Annotated[
    ToolsWanted | Reported | BadReport | Interrupted | Declined | OutOfBudget,
    Field(discriminator="kind"),
]


class ModelAnswer(Value):
    """What came of a model call. `cost_usd` includes `lost_usd`, the worst case of
    `lost_attempts` attempts that may have been billed though their answer is lost; `usage` is
    without their `lost_tokens`. `model` is the one that was asked, empty where none was. `attempts`
    counts all that the turn has had. `seconds` is what the attempt took that was answered, without
    retries and waits."""

    outcome: Outcome
    preview: str = ""
    model: str = ""
    usage: Usage = Usage()
    cost_usd: Decimal = Decimal(0)
    lost_usd: Decimal = Decimal(0)
    lost_tokens: int = 0
    lost_attempts: int = 0
    attempts: int = 0
    seconds: float = 0.0


class SettleTurn(Value):
    """Tell what a turn has cost whose model call failed or was cancelled (`model.settle`).
    `charged` of its attempts are in the agent's books already."""

    run: str
    agent_id: str
    turn: int
    charged: int = 0


class ToolCall(Value):
    """Run one tool use of an answer (activity `tool.run`), as far as `permissions` let.

    A call that may write starts from `snapshot` exactly, whatever an earlier attempt left.
    `may_ask` tells that a person can be asked about it, `decision` what they said.
    """

    run: str
    agent_id: str
    turn: int
    use: ToolUse
    tools: tuple[str, ...]
    permissions: Permissions = Permissions()
    writes: bool
    workspace: Workspace
    snapshot: str
    may_ask: bool = False
    decision: Decided | None = None


class ToolAsks(Value):
    """What a person is asked about a call: `why`, the call as it would run (its beginning, where
    it is long), its key in the object store and its hash."""

    why: str
    shown: str
    key: str
    sha256: str


class ToolResult(Value):
    """How a tool call ended; its content lies in the object store.

    `snapshot` is the workspace's state after it. `invalid` marks an input that does not fit the
    tool's schema, or a tool that the agent does not have; `denied` one that a rule, a mode or a
    hook was against, so that it did nothing. With `asks` nothing has run yet.
    """

    use_id: str
    is_error: bool
    invalid: bool = False
    denied: bool = False
    preview: str
    snapshot: str
    seconds: float
    asks: ToolAsks | None = None
