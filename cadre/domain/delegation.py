"""Sub-agents: what an agent asks another one to do with the tool Task, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from cadre.domain.agents import Agent
from cadre.domain.base import Value
from cadre.domain.outcomes import AgentLine, AgentResult, AgentState
from cadre.domain.turns import ToolCall, ToolResult

# The most characters of a task, which travels in the history.
MAX_TASK_CHARS = 12_000
# The longest that the ID of a sub-agent can be: a name of 64 characters on each of 6 levels.
MAX_ID_CHARS = 450


class Wanted(Value):
    """What a call of the tool Task asks for (activity `task.read`): an agent and its task. `before`
    is how that agent ended before, where it shall go on."""

    kind: Literal["wanted"] = "wanted"
    agent: Agent
    task: str
    before: AgentResult | None = None


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
    def can_go_on(self) -> bool:
        """Whether the sub-agent can be asked to go on: its conversation has an end in order."""
        ended = self.ended
        return ended.turns > 0 and ended.state in (AgentState.REPORTED, AgentState.BOUND)

    @property
    def words(self) -> str:
        """Why there is no answer."""
        return f"{self.ended.agent_id} {self.ended.words}"


def told(before: AgentResult, task: str) -> AgentResult:
    """An agent's end, from which it goes on with a word of whoever asks it. Words that it was not
    told yet are kept up to a length, as they travel in the history each time it is asked."""
    untold = (before.unsaid.remark or "")[-MAX_TASK_CHARS:]
    words = "\n\n".join(filter(None, [untold, task]))
    return before.model_copy(
        update={"unsaid": before.unsaid.model_copy(update={"remark": words}), "report": None}
    )


def is_last(before: AgentResult, lines: Iterable[AgentLine]) -> bool:
    """Whether these books know that end of an agent, and nothing that came of it since."""
    known = (before.agent_id, before.state, before.turns, before.spent)
    return any((line.agent_id, line.state, line.turns, line.spent) == known for line in lines)
