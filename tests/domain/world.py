"""What random trees of agents are played against: a service that bills, and chance."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import strategies as st

from cadre.domain.budget import Spent
from cadre.domain.outcomes import AgentLine, AgentResult, AgentState
from cadre.domain.progress import Progress
from cadre.domain.settling import Settled
from cadre.domain.usage import Usage
from tests.workflows.scripted import MODEL

# An agent's work, step by step.
Steps = Generator[None, None, AgentResult]


@dataclass
class World:
    """The service's own bill, and whatever chance decides."""

    data: st.DataObject
    usd: Decimal = Decimal(0)
    tokens: int = 0
    unseen: list[Steps] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def number(self, least: int, most: int) -> int:
        return self.data.draw(st.integers(least, most))

    def chance(self, one_in: int) -> bool:
        return self.number(1, one_in) == 1

    def bill(self, usage: Usage) -> None:
        self.usd += MODEL.price.cost(usage)
        self.tokens += usage.total_tokens

    def usage(self, prompt: int, answer: int) -> Usage:
        """Tokens that the service might count where at most so many were reserved."""
        if self.chance(2):  # what a tight budget must fear
            return Usage(cache_write_1h_tokens=prompt, output_tokens=answer)
        cached = self.number(0, prompt)
        written = self.number(0, prompt - cached)
        return Usage(
            input_tokens=self.number(0, prompt - cached - written),
            cache_read_tokens=cached,
            cache_write_1h_tokens=written,
            output_tokens=self.number(0, answer),
        )

    def settle(self, name: str) -> Settled:
        """Close an agent and those below it: what they have used."""
        self.closed.add(name)
        below = [other for other in self.progress if other.startswith(f"{name}/")]
        lines = [books_line(other, self.progress[other].spent) for other in below]
        used = self.progress[name].spent if name in self.progress else Spent()
        return Settled(turns=1, spent=used, helpers=tuple(lines))

    def is_closed(self, name: str) -> bool:
        return any(f"{name}/".startswith(f"{above}/") for above in self.closed)


def books_line(name: str, used: Spent) -> AgentLine:
    return AgentLine(
        agent_id=name, state=AgentState.CANCELLED, model="m", definition_sha256="0" * 64, turns=1,
        spent=used,
    )  # fmt: skip
