"""A run's books: who worked, what it cost, what the checks said."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from cadre.domain.agents import Agent
from cadre.domain.budget import Allowance, Estimate, Spent
from cadre.domain.decisions import Decided
from cadre.domain.deliveries import DeliveryLine
from cadre.domain.fitting import fitted
from cadre.domain.outcomes import AgentLine, AgentResult, Ending, PartLine, RunResult
from cadre.domain.workspaces import CheckResult, Delivery

SHARE_STEP = Decimal("0.000001")
# An asker's result has a line for each of its sub-agents, and travels in the history.
MAX_WHY_CHARS = 300


@dataclass
class Shares:
    """Divides what changes meanwhile: each claim gets an equal share of what is free then, so that
    what one claimant leaves over goes to those that come later."""

    claims: int = 1

    def agents(self, room: int) -> int:
        """How many sub-agents the next claimant may have where there is room for so many agents
        besides it: an equal share of what the other claimants leave, and one share stays free."""
        claims = max(1, self.claims)
        return max(0, (room - claims + 1) // (claims + 1))

    def waive(self) -> None:
        """A claimant needs nothing."""
        self.claims -= 1

    def next(self, free: Allowance) -> Allowance:
        """The next claimant's share: US dollars in whole millionths, and tokens."""
        claims = max(1, self.claims)
        self.claims -= 1
        return Allowance(
            cost_usd=(free.cost_usd / claims).quantize(SHARE_STEP, ROUND_DOWN),
            tokens=free.tokens // claims,
        )


@dataclass(frozen=True)
class Promise:
    """What an agent that works may use besides what it has used before: US dollars and tokens, and
    so many sub-agents."""

    allowance: Allowance
    agents: int = 0


@dataclass
class Ledger:
    """What a run, or an agent with sub-agents, has to show so far, in the order in which it came
    about. `working` are those who are at work."""

    lines: list[AgentLine] = field(default_factory=list)
    working: dict[str, Promise] = field(default_factory=dict)
    parts: dict[int, PartLine] = field(default_factory=dict)
    check_before: CheckResult | None = None
    check_after: CheckResult | None = None
    deliveries: dict[int, DeliveryLine] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    estimate: Estimate | None = None
    raised: Allowance | None = None  # by a person, what the run may use in all

    def began(self, agent_id: str, promise: Promise) -> None:
        """An agent started, and may use so much."""
        self.working[agent_id] = promise

    def ended(self, result: AgentResult, agent: Agent) -> None:
        """An agent ended, however it did, and with it its sub-agents. One that went on takes the
        place of what it was before."""
        self.working.pop(result.agent_id, None)
        below = f"{result.agent_id}/"
        self.lines = [
            line
            for line in self.lines
            if line.agent_id != result.agent_id and not line.agent_id.startswith(below)
        ]
        self.lines.append(
            AgentLine(
                agent_id=result.agent_id,
                state=result.state,
                model=agent.model.id,
                definition_sha256=agent.sha256,
                turns=result.turns,
                spent=result.spent,
                why=result.why[:MAX_WHY_CHARS],
            )
        )
        self.lines += result.helpers

    def checked(self, result: CheckResult) -> None:
        """A check has ended; the first one tells of the base only if no agent was before it."""
        if self.agents:
            self.check_after = result
        else:
            self.check_before = result

    @property
    def spent(self) -> Spent:
        """What all ended agents used together."""
        return sum((line.spent for line in self.lines), Spent())

    @property
    def agents(self) -> int:
        """How many agents there were, are, and may come by what was promised."""
        known = {line.agent_id for line in self.lines} | self.working.keys()
        return len(known) + sum(promise.agents for promise in self.working.values())

    def free(self, budget: Allowance) -> Allowance:
        """What of a budget is neither spent nor promised; never negative."""
        spent, promised = self.spent, [p.allowance for p in self.working.values()]
        usd = sum((allowance.cost_usd for allowance in promised), spent.cost_usd)
        return budget.less(usd, sum(allowance.tokens for allowance in promised) + spent.tokens)

    def result(
        self, run: str, ending: Ending, base: str = "", delivery: Delivery | None = None
    ) -> RunResult:
        """The run's result, small enough for a history."""
        result = RunResult(
            run=run,
            status=ending.status,
            summary=ending.summary,
            findings=ending.findings,
            rounds=ending.rounds,
            base=base,
            delivery=delivery,
            check_before=self.check_before,
            check_after=self.check_after,
            parts=tuple(self.parts.values()),
            deliveries=tuple(self.deliveries.values()),
            agents=tuple(self.lines),
            spent=self.spent,
            notes=tuple(self.notes),
            decisions=tuple(self.decisions),
            estimate=self.estimate,
            raised=self.raised,
        )
        return fitted(result)
