"""A run and its tree of agents against a service that bills: never more than the run may.

The tree is made of the very parts that workflows and activities use. Agents take turns in any
order, begin others, lose attempts that are billed or not, are terminated while they and their own
go on unseen, and go on with more when others have left something.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from decimal import Decimal

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from activities.attempts import spent
from cadre.domain.agents import Agent, Role
from cadre.domain.budget import Allowance, Bound, Limits, Spent, left, reserve
from cadre.domain.ledger import Ledger, Promise, Shares
from cadre.domain.outcomes import AgentLine, AgentResult, AgentState
from cadre.domain.progress import Progress
from cadre.domain.settling import at_most
from cadre.domain.turns import BadReport, ModelAnswer
from cadre.llm.attempts import Attempts, State
from cadre.llm.segment import Segment
from tests.domain.world import Steps, World
from tests.workflows.scripted import MODEL

AGENT = Agent(
    name="a", role=Role(name="worker", report="BuildReport"), definition_key="k", sha256="0" * 64,
    source="built-in", tools=(), model=MODEL,
)  # fmt: skip
DEPTH = 2


def call(world: World, name: str, progress: Progress) -> bool:
    """A model call with all its attempts; whether the agent goes on."""
    if world.is_closed(name):
        event("a closed agent calls")
        return False
    attempts, segment = Attempts(), None
    allowance = progress.allowance
    for _ in range(world.number(1, 3)):
        wanted = world.number(1024, 32_000)
        reserved = reserve(MODEL, world.number(1, 40_000), wanted, attempts.left(allowance))
        if isinstance(reserved, Bound):
            event("an attempt does not fit")
            break
        attempts = attempts.begin(reserved)
        *before, last = attempts.attempts
        usage = world.usage(reserved.prompt_tokens, reserved.max_tokens)
        fate = world.number(1, 4)
        if fate == 1:  # refused
            attempts = Attempts(attempts=(*before, last.ended(State.REFUSED)))
        elif fate == 2:  # lost, and billed
            world.bill(usage)
        elif fate == 3:  # lost, and not billed
            pass
        else:
            world.bill(usage)
            segment = Segment(
                user=None, assistant=[{}], stop_reason="end_turn", usage=usage, model="m",
                cost_usd=MODEL.price.cost(usage), attempt=last.number,
            )  # fmt: skip
            break
    cost = spent(attempts, segment)
    if segment is None:
        progress.settled(cost)
        return False
    told = cost.model_dump(exclude={"usage"})
    progress.answered(ModelAnswer(outcome=BadReport(reason=""), usage=cost.usage, **told))
    return True


def agent(world: World, name: str, limits: Limits, before: AgentResult | None) -> Steps:
    """An agent's turns, each a step, and between them those of its sub-agents."""
    progress = world.progress[name] = Progress.after(before, limits, "s")
    books = progress.helpers
    for _ in range(world.number(1, 4)):
        if progress.bound_met(0) is not None or not call(world, name, progress):
            break
        yield
        count = world.number(0, 2) if limits.max_depth else 0
        shares, begun = Shares(count + 1), []
        for number in range(count):
            free = books.free(left(limits, progress.spent))
            child = f"{name}/{len(books.lines) + number}"  # a name that no other one had
            begun.append(begin(world, books, child, shares.next(free), limits.max_depth - 1))
        yield from together(world, begun)
    return ended(name, progress.spent, progress.turns, tuple(books.lines))


def ended(
    name: str, used: Spent, turns: int = 0, helpers: tuple[AgentLine, ...] = ()
) -> AgentResult:
    return AgentResult(
        agent_id=name, state=AgentState.BOUND, bound=Bound.COST, snapshot="s", turns=turns,
        spent=used, helpers=helpers,
    )  # fmt: skip


def begin(
    world: World,
    books: Ledger,
    name: str,
    share: Allowance,
    depth: int,
    before: AgentResult | None = None,
) -> Steps | None:
    """Have an agent begin, or go on, with this share; None where there is nothing in it."""
    if share.bound is not None:
        event("nothing to begin with")
        return None
    total = before.total if before else Spent()
    limits = Limits(
        max_cost_usd=total.cost_usd + share.cost_usd,
        max_tokens=total.tokens + share.tokens,
        max_depth=depth,
    )
    books.began(name, Promise(share))
    return in_books(world, books, name, limits, before)


def in_books(
    world: World, books: Ledger, name: str, limits: Limits, before: AgentResult | None
) -> Steps:
    """An agent until its end is in the books of who began it. One that is terminated may go on
    for a while: it is closed and settled, or charged with all that it might use."""
    steps = agent(world, name, limits, before)
    while True:
        if world.chance(12):
            event("terminated")
            world.unseen.append(steps)
            used = world.settle(name) if world.chance(2) else at_most(limits, before)
            result = ended(name, used.spent, used.turns, used.helpers)
            break
        try:
            next(steps)
        except StopIteration as end:
            result = end.value
            break
        yield
    books.ended(result, AGENT)
    return result


def together(
    world: World, begun: Iterable[Steps | None]
) -> Generator[None, None, list[AgentResult]]:
    """Agents at once, their steps in any order."""
    alive, results = [steps for steps in begun if steps], []
    while alive:
        steps = alive[world.number(0, len(alive) - 1)]
        try:
            next(steps)
        except StopIteration as end:
            alive.remove(steps)
            results.append(end.value)
        yield
    return results


# Either may be the one that binds.
BUDGETS = st.builds(
    Allowance,
    cost_usd=st.decimals("0.05", 2, places=6) | st.just(Decimal(1000)),
    tokens=st.integers(20_000, 500_000) | st.just(10**9),
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(budget=BUDGETS, data=st.data())
def test_a_budget_is_never_exceeded(budget: Allowance, data: st.DataObject) -> None:
    world, books = World(data), Ledger()

    def at_once(asked: list[tuple[str, AgentResult | None]]) -> list[AgentResult]:
        shares = Shares(len(asked) + world.number(0, 1))
        begun = [
            begin(world, books, name, shares.next(books.free(budget)), DEPTH, before)
            for name, before in asked
        ]
        steps = together(world, begun)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                results: list[AgentResult] = end.value
                return results
            within(world, budget)

    names = [f"a.{number}" for number in range(world.number(1, 4))]
    results = at_once([(name, None) for name in names])
    for _ in range(world.number(0, 2)):
        results = at_once([(r.agent_id, r) for r in results if not world.is_closed(r.agent_id)])
    for steps in world.unseen:
        for _ in steps:
            within(world, budget)
    within(world, budget)
    assert world.usd <= books.spent.cost_usd <= budget.cost_usd
    assert world.tokens <= books.spent.tokens <= budget.tokens
    assert not books.working


def within(world: World, budget: Allowance) -> None:
    assert world.usd <= budget.cost_usd
    assert world.tokens <= budget.tokens
