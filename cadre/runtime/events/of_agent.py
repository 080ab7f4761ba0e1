"""What happens to an agent, and what it does."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from cadre.domain.outcomes import AgentResult
from cadre.domain.usage import Model, Usage
from cadre.domain.workspaces import Change
from cadre.runtime.events.happening import Close, Happening


class AgentStarted(Happening):
    """An agent started, or goes on after it had run out of budget; `task` is the beginning of what
    it was told, `models` are those that may answer it, with their prices."""

    kind: Literal["agent_started"] = "agent_started"
    category: Literal["agent_created"] = "agent_created"
    role: str
    definition: str
    source: str
    model: str
    models: tuple[Model, ...] = ()
    tools: tuple[str, ...]
    task: str


class ModelAsked(Happening):
    """A model call was scheduled; it may still wait for a worker."""

    kind: Literal["model_asked"] = "model_asked"
    category: Literal["typing_indicator"] = "typing_indicator"
    turn: int
    model: str


class ModelAnswered(Happening):
    """A model call ended. `outcome` is the kind of its outcome, `detail` what it says in a line;
    `seconds` count from the call's scheduling, retries included. `key` is the turn's place in the
    object store, with all that was said to the model and by it; empty where nothing was. `asked`
    is the model that was asked; `lost_usd` of `cost_usd`, and `lost_tokens`, are for attempts that
    were lost."""

    kind: Literal["model_answered"] = "model_answered"
    category: Literal["agent_updated"] = "agent_updated"
    turn: int
    outcome: str
    detail: str
    preview: str
    usage: Usage
    cost_usd: Decimal
    asked: str = ""
    lost_usd: Decimal = Decimal(0)
    lost_tokens: int = 0
    lost_attempts: int
    seconds: float
    key: str = ""


class Writing(Happening):
    """A model writes: `text` is the end of what attempt `attempt` has written so far of
    `output_chars` characters.

    No history has it. Each one replaces the one before it of the same agent, and so does the
    text of another attempt; the next event of the turn, such as its answer, replaces the last.
    """

    kind: Literal["writing"] = "writing"
    category: Literal["chat_stream"] = "chat_stream"
    turn: int
    attempt: int
    text: str
    output_chars: int


class ToolStarted(Happening):
    """A tool call was scheduled."""

    kind: Literal["tool_started"] = "tool_started"
    category: Literal["agent_log"] = "agent_log"
    turn: int
    use_id: str
    title: str


class ToolFinished(Happening):
    """A tool call ended; `is_error` is what the model is told, `denied` that it was not allowed.

    `key` is the place of its result in the object store. `change` is what it did to the files; a
    record has it, not the history.
    """

    kind: Literal["tool_finished"] = "tool_finished"
    category: Literal["agent_log"] = "agent_log"
    turn: int
    use_id: str
    title: str
    is_error: bool
    denied: bool = False
    preview: str
    seconds: float
    key: str = ""
    change: Change | None = None


class AgentEnded(Happening):
    """An agent's workflow closed; `why` says what went wrong where there is no result."""

    kind: Literal["agent_ended"] = "agent_ended"
    category: Literal["agent_status_change"] = "agent_status_change"
    close: Close
    result: AgentResult | None = None
    why: str = ""
