"""Whatever agents do, a run's books never promise or spend more than the run may."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cadre.domain.agents import Agent, Role
from cadre.domain.budget import Allowance, Spent
from cadre.domain.ledger import Ledger, Promise, Shares
from cadre.domain.outcomes import AgentLine, AgentResult, AgentState
from cadre.domain.usage import Model, Price, Rates

ONE = Decimal(1)
RATES = Rates(input=ONE, output=ONE, cache_read=ONE, cache_write_5m=ONE, cache_write_1h=ONE)
MODEL = Model(id="m", context_window=9, max_output_tokens=9, price=Price(base=RATES))
BUDGET, MAX_AGENTS = Allowance(cost_usd=Decimal("1.000003"), tokens=1009), 9
AGENT = Agent(
    name="a", role=Role(name="worker", report="BuildReport"), definition_key="k", sha256="0" * 64,
    source="built-in", tools=(), model=MODEL,
)  # fmt: skip
PART = st.decimals(min_value=0, max_value=1, places=3)


def used(agent_id: str, usd: Decimal, tokens: int) -> AgentLine:
    return AgentLine(
        agent_id=agent_id, state=AgentState.REPORTED, model="m", definition_sha256="0" * 64,
        turns=1, spent=Spent(cost_usd=usd, lost_tokens=tokens),
    )  # fmt: skip


class Tree(RuleBasedStateMachine):
    """A run whose agents begin, spend what they may, have sub-agents and end, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.shares = Shares(3)
        self.began = 0

    @rule(claims=st.integers(1, 12))
    def stage(self, claims: int) -> None:
        self.shares = Shares(claims)

    @rule()
    def waive(self) -> None:
        self.shares.waive()

    @rule(helpers=st.booleans())
    def begin(self, helpers: bool) -> None:
        room = MAX_AGENTS - self.ledger.agents - 1
        agents = self.shares.agents(room) if helpers else 0
        promise = Promise(self.shares.next(self.ledger.free(BUDGET)), agents)
        if room >= 0 and promise.allowance.bound is None:
            self.began += 1
            self.ledger.began(f"a.{self.began}", promise)

    @precondition(lambda self: self.ledger.working)
    @rule(which=st.integers(0, 20), part=PART, below=PART, data=st.data())
    def end(self, which: int, part: Decimal, below: Decimal, data: st.DataObject) -> None:
        names = list(self.ledger.working)
        name = names[which % len(names)]
        promise = self.ledger.working[name]
        spent, tokens = promise.allowance.cost_usd * part, int(promise.allowance.tokens * part)
        count = data.draw(st.integers(0, promise.agents))
        lines = [
            used(f"{name}/{n}", spent * below / count, int(tokens * below / count))
            for n in range(count)
        ]
        own = spent - sum((line.spent.cost_usd for line in lines), Decimal(0))
        self.ledger.ended(
            AgentResult(
                agent_id=name, state=AgentState.REPORTED, snapshot="s", turns=1,
                spent=Spent(cost_usd=own, lost_tokens=tokens - sum(n.spent.tokens for n in lines)),
                helpers=tuple(lines),
            ),
            AGENT,
        )  # fmt: skip

    @invariant()
    def within_the_budget(self) -> None:
        promised = [promise.allowance for promise in self.ledger.working.values()]
        usd = sum((p.cost_usd for p in promised), self.ledger.spent.cost_usd)
        tokens = sum((p.tokens for p in promised), self.ledger.spent.tokens)
        assert usd <= BUDGET.cost_usd
        assert tokens <= BUDGET.tokens
        free = self.ledger.free(BUDGET)
        assert free.cost_usd == BUDGET.cost_usd - usd
        assert free.tokens == BUDGET.tokens - tokens

    @invariant()
    def within_the_headcount(self) -> None:
        assert self.ledger.agents <= MAX_AGENTS


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
