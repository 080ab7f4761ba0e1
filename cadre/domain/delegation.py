"""Sub-agents: what an agent asks another one to do with the tool Task, and what comes of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cadre.domain.agents import Agent
from cadre.domain.base import Value
from cadre.domain.outcomes import AgentResult
from cadre.domain.turns import ToolCall, ToolResult

# The most characters of a task, which travels in the history.
MAX_TASK_CHARS = 12_000


class Wanted(Value):
    """What a call of the tool Task asks for (activity `task.read`): an agent and its task."""

    kind: Literal["wanted"] = "wanted"
    agent: Agent
    task: str


class Refused(Value):
    """A call of the tool Task that asks for nothing that can be done, with its result."""

    kind: Literal["refused"] = "refused"
    result: ToolResult


class Delegation(Value):
    """What became of reading a call of the tool Task."""

    outcome: Wanted | Refused = Field(discriminator="kind")


class Delegated(Value):
    """Tell the asking agent how its sub-agent ended (activity `task.answer`)."""

    call: ToolCall
    ended: AgentResult

    @property
    def words(self) -> str:
        """Why there is no answer."""
        return f"{self.ended.agent_id} {self.ended.state.value}: {self.ended.why}"
