"""What an agent used that cannot tell it itself, since it was terminated or failed."""

from __future__ import annotations

from cadre.domain.base import Value
from cadre.domain.budget import Limits, Spent, left
from cadre.domain.outcomes import AgentLine, AgentResult


class SettleAgent(Value):
    """Close an agent with all its sub-agents, so that no model call of theirs begins any more, and
    tell what they used (activity `agent.settle`)."""

    run: str
    agent_id: str


class Settled(Value):
    """What an agent used since its first beginning, and what its sub-agents did."""

    turns: int
    spent: Spent
    helpers: tuple[AgentLine, ...] = ()


def at_most(limits: Limits, before: AgentResult | None) -> Settled:
    """The most that an agent can have used within its limits, where nobody knows: what it is known
    to have used `before` it went on, and all that it then had left."""
    had = before.total if before else Spent()
    rest = left(limits, had)
    lost = Spent(
        cost_usd=rest.cost_usd, lost_usd=rest.cost_usd, lost_tokens=rest.tokens, lost_attempts=1
    )
    if before is None:
        return Settled(turns=0, spent=lost)
    return Settled(turns=before.turns, spent=before.spent + lost, helpers=before.helpers)
