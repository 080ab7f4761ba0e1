"""A run's books: who worked, what it cost, what the checks said."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from cadre.domain.agents import Agent
from cadre.domain.budget import Spent
from cadre.domain.runs import AgentLine, AgentResult, Ending, RunResult
from cadre.domain.workspaces import CheckResult, Delivery


@dataclass
class Ledger:
    """What a run has to show so far, in the order in which it came about."""

    lines: list[AgentLine] = field(default_factory=list)
    working: list[str] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def began(self, agent_id: str) -> None:
        """An agent started."""
        self.working.append(agent_id)

    def ended(self, result: AgentResult, agent: Agent) -> None:
        """An agent ended, however it did."""
        self.working.remove(result.agent_id)
        self.lines.append(
            AgentLine(
                agent_id=result.agent_id,
                state=result.state,
                model=agent.model.id,
                definition_sha256=agent.sha256,
                turns=result.turns,
                spent=result.spent,
                why=result.why,
            )
        )

    @property
    def spent(self) -> Spent:
        """What all ended agents used together."""
        return sum((line.spent for line in self.lines), Spent())

    def left(self, budget_usd: Decimal) -> Decimal:
        """What is left of a budget in US dollars; never negative."""
        return max(Decimal(0), budget_usd - self.spent.cost_usd)

    def result(
        self, run: str, ending: Ending, base: str = "", delivery: Delivery | None = None
    ) -> RunResult:
        """The run's result. The first check ran before any agent, the last on the final state."""
        return RunResult(
            run=run,
            status=ending.status,
            summary=ending.summary,
            findings=ending.findings,
            rounds=ending.rounds,
            base=base,
            delivery=delivery,
            check_before=self.checks[0] if self.checks else None,
            check_after=self.checks[-1] if self.checks[1:] else None,
            agents=tuple(self.lines),
            spent=self.spent,
            notes=tuple(self.notes),
        )
