"""A bill adds up to what the run says, by agent, phase, model and kind of token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cadre.domain.budget import Spent
from cadre.domain.outcomes import AgentLine, AgentState, RunResult, RunStatus
from cadre.domain.usage import Usage
from cadre.llm.prices import PRICES
from cadre.runtime.events import types as e
from starters.bill import LOST, UNKNOWN, Bill

START = datetime(2026, 1, 1, tzinfo=UTC)
SMALL, LARGE = PRICES["claude-haiku-5-5"], PRICES["claude-opus-5-5"]
USAGE = Usage(
    input_tokens=1000, output_tokens=200, cache_read_tokens=50_000, cache_write_5m_tokens=2000
)


def at(seconds: float, agent: str = "") -> e.Place:
    workflow = f"r/{agent}" if agent else "r"
    time = START + timedelta(seconds=seconds)
    return e.Place(workflow=workflow, run_id="x", event_id=1, time=time, agent_id=agent)


def started(agent: str) -> e.AgentStarted:
    return e.AgentStarted(
        at=at(0, agent), role="worker", definition="d", source="built-in", model=LARGE.id,
        models=(LARGE, SMALL), tools=(), task="t",
    )  # fmt: skip


def answered(agent: str, turn: int, model: str, cost: Decimal, **more: Any) -> e.ModelAnswered:
    return e.ModelAnswered(
        at=at(turn, agent), turn=turn, outcome="tools", detail="", preview="", seconds=1,
        usage=USAGE, cost_usd=cost, asked=model, **({"lost_attempts": 0} | more),
    )  # fmt: skip


def line(agent: str, spent: Spent) -> AgentLine:
    return AgentLine(
        agent_id=agent, state=AgentState.REPORTED, model=LARGE.id, definition_sha256="0", turns=1,
        spent=spent,
    )  # fmt: skip


def ended(*lines: AgentLine) -> e.RunEnded:
    spent = sum((each.spent for each in lines), Spent())
    result = RunResult(run="r", status=RunStatus.APPROVED, agents=lines, spent=spent)
    return e.RunEnded(at=at(9), close="completed", result=result)


def test_a_call_is_priced_by_the_model_that_was_asked() -> None:
    large, small = LARGE.price.cost(USAGE), SMALL.price.cost(USAGE)
    bill = Bill(
        [
            e.StatusChanged(at=at(0), status="building"),
            started("a"),
            answered("a", 1, LARGE.id, large),
            e.StatusChanged(at=at(1.5), status="reviewing"),
            answered("a", 2, SMALL.id, small),
        ]
    )
    by_model = bill.by(lambda charge: charge.model)
    assert {name: s.spent.cost_usd for name, s in by_model.items()} == {
        LARGE.id: large, SMALL.id: small
    }  # fmt: skip
    by_phase = bill.by(lambda charge: charge.phase)
    assert [(name, s.calls) for name, s in by_phase.items()] == [("building", 1), ("reviewing", 1)]
    kinds = bill.by_kind()
    assert sum(usd for _, usd in kinds.values()) == bill.total.cost_usd == large + small
    assert kinds["cache read"] == (100_000, Decimal("0.0100") + Decimal("0.0005"))
    assert kinds["cache write, 5 minutes"] == (4000, Decimal("0.0100") + Decimal("0.00025"))
    assert UNKNOWN not in kinds


def test_a_long_prompt_is_itemised_at_its_own_rates() -> None:
    usage = Usage(cache_read_tokens=150_000)
    event = answered("a", 1, SMALL.id, SMALL.price.cost(usage)).model_copy(update={"usage": usage})
    assert Bill([started("a"), event]).by_kind() == {"cache read": (150_000, Decimal("0.0075"))}


def test_what_no_answer_tells_of_is_on_the_bill() -> None:
    cost = LARGE.price.cost(USAGE)
    lost = Spent(
        usage=USAGE, cost_usd=cost + 2, lost_usd=Decimal(2), lost_tokens=77, lost_attempts=2
    )
    terminated = Spent(cost_usd=Decimal(5), lost_usd=Decimal(5), lost_tokens=9, lost_attempts=1)
    bill = Bill(
        [
            *(started("a"), started("b")),
            answered(
                "a", 1, LARGE.id, cost + 1, lost_usd=Decimal(1), lost_tokens=70, lost_attempts=1
            ),
            ended(line("a", lost), line("b", terminated)),
        ]
    )
    assert bill.total == lost + terminated
    assert bill.by_kind()[LOST] == (86, Decimal(7))
    by_agent = bill.by(lambda charge: charge.agent)
    assert [(name, s.calls) for name, s in by_agent.items()] == [("a", 1), ("b", 0)]
    assert by_agent["b"].spent == terminated


def test_a_record_of_an_older_release_is_not_itemised() -> None:
    before = started("a").model_copy(update={"models": ()})
    bill = Bill([before, answered("a", 1, "", Decimal(1))])
    assert bill.by_kind()[UNKNOWN] == (0, Decimal(1))
    assert list(bill.by(lambda charge: charge.model)) == [LARGE.id]
