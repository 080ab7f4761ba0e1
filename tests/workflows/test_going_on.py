"""A part that used its share up goes on where it stopped, with what the others leave."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client

from cadre.domain.budget import Bound
from cadre.domain.outcomes import PartState, RunStatus
from cadre.domain.turns import ModelCall, OutOfBudget
from tests.workflows.course import DONE, agents, run
from tests.workflows.scripted import Script, report, uses
from workflows.fan_out import FanOutInput

GREEDY = "worker.2"


def greedy(least_usd: Decimal, bound: Bound = Bound.COST) -> Any:
    """A worker whose third call needs so much to be left."""

    def worker(call: ModelCall) -> Any:
        if call.turn == 1:
            return uses("Edit", read_only=False)
        if call.agent_id != GREEDY:
            return report(**DONE)
        if call.turn == 2:
            return uses("Bash", read_only=False)
        if bound is Bound.COST and call.allowance.cost_usd < least_usd:
            return OutOfBudget(bound=bound)
        if bound is Bound.TOKENS and call.allowance.tokens < 1000:
            return OutOfBudget(bound=bound)
        return report(**DONE)

    return worker


def wanted(**fields: Any) -> FanOutInput:
    given = {"run": f"r-{uuid.uuid4().hex[:8]}", "repo": "/repo", "tasks": ("one", "two", "three")}
    return FanOutInput(**(given | fields))


@pytest.mark.parametrize(
    ("bound", "budget"),
    [
        (Bound.COST, {"max_cost_usd": Decimal("0.2")}),
        (Bound.TOKENS, {"max_tokens": 4000}),
    ],
)
async def test_it_goes_on_with_what_the_others_left(
    client: Client, bound: Bound, budget: dict[str, Any]
) -> None:
    script = Script(agents(worker=greedy(Decimal("0.06"), bound)))
    result = await run(client, script, wanted(**budget))
    assert (result.status, result.summary) == (RunStatus.APPROVED, "3 of 3 parts are in")
    [line] = [line for line in result.agents if line.agent_id == GREEDY]
    calls = [call for call in script.model_calls if call.agent_id == GREEDY]
    assert [call.turn for call in calls] == [1, 2, 3, 3]
    refused, again = calls[-2:]
    assert again.results == refused.results != (), "it is told what it was not told"
    assert again.opening is None
    assert "Go on where you stopped" in (again.remark or "")
    assert script.tool_calls[-1].snapshot == "tree0+Edit", "and on the files that it left"
    assert line.turns == 3
    assert line.spent.cost_usd == 4 * script.cost
    assert result.spent.cost_usd == sum(line.spent.cost_usd for line in result.agents)
    assert result.spent.cost_usd <= Decimal("0.2")


async def test_it_goes_on_once(client: Client) -> None:
    script = Script(agents(worker=greedy(Decimal(1))))
    result = await run(client, script, wanted(max_cost_usd=Decimal("0.2")))
    assert result.status is RunStatus.PARTLY
    assert result.parts[1].state is PartState.FAILED
    assert "cost" in result.parts[1].why
    calls = [call for call in script.model_calls if call.agent_id == GREEDY]
    assert calls[-1].allowance.cost_usd > calls[-2].allowance.cost_usd
    assert len(result.agents) == len({line.agent_id for line in result.agents}) == 3
