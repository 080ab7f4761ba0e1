"""Sub-agents that go on by the tool Task, or are terminated: scripted activities, a real server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client

from cadre.domain.agents import TASK
from cadre.domain.budget import Bound, Limits, Spent
from cadre.domain.delegation import Wanted, told
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.settling import Settled
from cadre.domain.turns import ModelCall, OutOfBudget, ToolCall
from tests.workflows.holding import Hold
from tests.workflows.scripted import Script, report, uses
from tests.workflows.test_helpers import LIMITS, asks, helper, reader, run, script

SCOUT = "lead/scout.1"
USED = Spent(cost_usd=Decimal("0.3"), lost_usd=Decimal("0.2"), lost_tokens=7, lost_attempts=1)


def runs_out() -> Callable[[ModelCall], Any]:
    """A sub-agent for whose second call there is too little, the first time."""
    calls: list[int] = []

    def below(call: ModelCall) -> Any:
        calls.append(call.turn)
        if call.turn == 1:
            return uses("Read")
        return report(answer="found") if calls.count(2) > 1 else OutOfBudget(bound=Bound.COST)

    return below


def asks_until(last: int, *names: str) -> Callable[[ModelCall], Any]:
    """A lead that uses these tools in each turn, and reports in its last."""

    def lead(call: ModelCall) -> Any:
        return report(summary="all") if call.turn == last else uses(*(names or (TASK,)))

    return lead


def resuming(acts: list[Script], which: int = 0) -> Callable[[ToolCall], Wanted]:
    """The first turn asks for a scout, later ones for the same one again, from its end `which` of
    those that were told, the last by default."""

    def task(call: ToolCall) -> Wanted:
        wanted = Wanted(agent=helper("scout", writes=False), task=f"turn {call.turn}")
        if call.turn == 1:
            return wanted
        ended = [d.ended for d in acts[0].answered if d.can_go_on][which - 1]
        return wanted.model_copy(update={"before": told(ended, wanted.task)})

    return task


async def led(
    client: Client,
    lead: Callable[[ModelCall], Any],
    below: Callable[[ModelCall], Any],
    limits: Limits = LIMITS,
    which: int = 0,
    **fields: Any,
) -> tuple[AgentResult, Script]:
    acts: list[Script] = []
    acts.append(script(lead, resuming(acts, which), below, **fields))
    return await run(client, acts[0], limits), acts[0]


async def test_one_that_ran_out_goes_on_with_one_more_share(client: Client) -> None:
    limits = LIMITS.model_copy(update={"max_cost_usd": Decimal("0.2")})
    result, acts = await led(client, asks_until(3), runs_out(), limits)
    first, second = acts.answered
    assert (first.ended.agent_id, first.ended.out_of_budget) == (SCOUT, True)
    assert (second.ended.agent_id, second.ended.state) == (SCOUT, AgentState.REPORTED)
    calls = [call for call in acts.model_calls if call.agent_id == SCOUT]
    assert [call.turn for call in calls] == [1, 2, 2], "its own conversation"
    assert calls[-1].results == calls[-2].results != ()
    assert (calls[-1].remark or "").startswith("turn 2\n\n"), "and a new word of the asker's"
    [line] = result.helpers
    assert (line.agent_id, line.spent.cost_usd, line.turns) == (SCOUT, 3 * acts.cost, 2)
    # The lead had used two turns and the scout two calls, and each share is half of what is free.
    free = Decimal("0.2") - 4 * acts.cost
    assert calls[-1].allowance.cost_usd == free / 2
    lead = [call for call in acts.model_calls if call.agent_id == "lead"]
    assert lead[-1].allowance.cost_usd == Decimal("0.2") - 5 * acts.cost, "the rest went back"
    assert acts.records == [SCOUT, SCOUT]


async def test_one_that_reported_answers_again(client: Client) -> None:
    result, acts = await led(client, asks_until(3), lambda call: report(answer=str(call.turn)))
    assert [d.ended.report for d in acts.answered] == [{"answer": "1"}, {"answer": "2"}]
    assert acts.model_calls[-2].remark == "turn 2", "nothing is said of a budget"
    assert [line.turns for line in result.helpers] == [2]


async def test_no_more_agents_are_needed_for_going_on(client: Client) -> None:
    limits = LIMITS.model_copy(update={"max_agents": 1})
    result, acts = await led(client, asks_until(4), lambda call: report(answer="."), limits)
    assert [d.ended.state for d in acts.answered] == [AgentState.REPORTED] * 3
    assert [line.turns for line in result.helpers] == [3]


async def test_only_its_last_end_can_be_gone_on_from(client: Client) -> None:
    """An older end is not gone on from: that would lose what was used since."""
    result, acts = await led(client, asks_until(4), lambda call: report(answer="."), which=1)
    refused = acts.answered[-1].ended
    assert (refused.state, refused.report) == (AgentState.FAILED, None)
    assert "has gone on meanwhile" in refused.why
    assert [line.spent.cost_usd for line in result.helpers] == [2 * acts.cost]


async def test_it_goes_on_only_once_at_a_time(client: Client) -> None:
    def lead(call: ModelCall) -> Any:
        if call.turn == 3:
            return report(summary="all")
        return uses(*[TASK] * call.turn)

    result, acts = await led(client, lead, lambda call: report(answer="."))
    states = sorted(d.ended.state for d in acts.answered[1:])
    assert states == [AgentState.FAILED, AgentState.REPORTED]
    assert [line.spent.cost_usd for line in result.helpers] == [2 * acts.cost]


async def terminated(client: Client, acts: Script, hold: Hold, limits: Limits) -> AgentResult:
    """The lead's result, where its scout is terminated while `hold` holds it."""
    acts.interceptors = (hold,)
    name = f"r-{uuid.uuid4().hex[:8]}"
    going = asyncio.ensure_future(run(client, acts, limits, name=name))
    try:
        await hold.met()
        await client.get_workflow_handle(f"{name}/{SCOUT}").terminate()
        return await going
    finally:
        hold.release.set()
        await asyncio.gather(going, return_exceptions=True)


async def test_one_that_was_terminated_is_charged_with_what_it_used(client: Client) -> None:
    acts = script(asks(TASK), reader, used=Settled(turns=2, spent=USED))
    hold = Hold("model.call", lambda call: bool(call.agent_id == SCOUT))
    result = await terminated(client, acts, hold, LIMITS)
    assert [request.agent_id for request in acts.settled_agents] == [SCOUT]
    [line] = result.helpers
    assert (line.state, line.turns, line.spent) == (AgentState.FAILED, 2, USED)
    lead = [call for call in acts.model_calls if call.agent_id == "lead"]
    left = LIMITS.max_cost_usd - acts.cost - USED.cost_usd
    assert lead[-1].allowance.cost_usd == left, "what it did not use went back"


@pytest.mark.parametrize("known", [True, False])
async def test_one_terminated_after_it_went_on_is_charged_once(client: Client, known: bool) -> None:
    acts: list[Script] = []
    used = Settled(turns=2, spent=USED) if known else None
    acts.append(script(asks_until(3), resuming(acts), lambda call: report(answer="."), used=used))
    hold = Hold("model.call", lambda call: bool((call.agent_id, call.turn) == (SCOUT, 2)))
    result = await terminated(client, acts[0], hold, LIMITS)
    cost, [line] = acts[0].cost, result.helpers
    if known:
        assert line.spent == USED
        return
    share = (LIMITS.max_cost_usd - 3 * cost) / 2
    assert line.spent.cost_usd == cost + share, "what it had used, and all of its second share"
    assert (line.spent.lost_usd, line.spent.usage.total_tokens) == (share, 110)
    tokens = (LIMITS.max_tokens - 3 * 110) // 2
    assert line.spent.tokens == 110 + tokens
    assert line.turns == 1


async def test_calls_at_once_share_tokens_as_they_share_money(client: Client) -> None:
    acts = script(asks(TASK, TASK, TASK), reader)
    limits = LIMITS.model_copy(update={"max_tokens": 110 + 4000})
    result = await run(client, acts, limits)
    assert result.state is AgentState.REPORTED
    shares = [c.allowance.tokens for c in acts.model_calls if c.agent_id != "lead"]
    assert shares == [1000, 1000, 1000]
    assert acts.model_calls[-1].allowance.tokens == 4000 - 3 * 110, "what they left is the lead's"
