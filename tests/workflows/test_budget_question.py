"""Parts that are short of budget when all others have ended: a person is asked once for all."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client

from cadre.domain.budget import Allowance, Bound, Spent
from cadre.domain.decisions import MAX_TEXT_CHARS, Decision, Question
from cadre.domain.open_ends import out_of_budget_text
from cadre.domain.outcomes import AgentResult, AgentState, PartState, RunResult, RunStatus
from cadre.domain.runs import RunInput
from cadre.domain.turns import ModelCall, OutOfBudget
from tests.workflows.course import DONE, REPORTS, agents, asked, run
from tests.workflows.scripted import Script, report, uses
from tests.workflows.test_fan_out import asked_questions
from workflows.fan_out import FanOutInput
from workflows.pipeline import PipelineInput

SHORT = ("worker.2", "worker.3")


def short(least_usd: Decimal) -> Callable[[ModelCall], Any]:
    """Workers of whom two need so much to be left for their second call."""

    def worker(call: ModelCall) -> Any:
        if call.turn == 1:
            return uses("Edit", read_only=False)
        if call.agent_id in SHORT and call.allowance.cost_usd < least_usd:
            return OutOfBudget(bound=Bound.COST)
        return report(**DONE)

    return worker


def wanted(**fields: Any) -> FanOutInput:
    given = {"run": f"r-{uuid.uuid4().hex[:8]}", "repo": "/repo", "tasks": ("one", "two", "three")}
    return FanOutInput(**(given | {"max_cost_usd": Decimal("0.4"), "ask": True} | fields))


async def decided(
    client: Client, script: Script, spec: RunInput, *said: tuple[str, str]
) -> tuple[RunResult, list[Question]]:
    """The run's result after these answers, `(verdict, reason)` each, and what was asked."""
    going = asyncio.ensure_future(run(client, script, spec))
    questions = []
    for verdict, reason in said:
        asking = asyncio.ensure_future(asked_questions(client, spec.run))
        await asyncio.wait({going, asking}, return_when=asyncio.FIRST_COMPLETED)
        assert asking.done(), "it ended without a question"
        [question] = await asking
        questions.append(question)
        decision = Decision(id=question.id, verdict=verdict, by="ann", reason=reason)
        await client.get_workflow_handle(spec.run).execute_update("decide", decision)
    return await going, questions


async def test_one_word_lets_them_all_go_on(client: Client) -> None:
    script = Script(agents(worker=short(Decimal(1))))
    result, [question] = await decided(client, script, wanted(), ("approve", "6 dollars"))
    assert (result.status, result.summary) == (RunStatus.APPROVED, "3 of 3 parts are in")
    assert "ran out while 2 agents were at work" in question.text
    assert [name in question.text for name in ("worker.1", *SHORT)] == [False, True, True]
    again = [c for c in script.model_calls if c.agent_id in SHORT][-2:]
    used = sum((line.spent.cost_usd for line in result.agents), Decimal(0))
    third = (Decimal("6.4") - used) / 3
    assert all(abs(c.allowance.cost_usd - third) < Decimal("0.03") for c in again), "equal shares"
    assert sorted(asked(script)) == ["worker.1", *SHORT], "the same agents"
    assert [d.id for d in result.decisions] == ["budget"]
    assert result.raised is not None
    assert result.raised.cost_usd == Decimal("6.4")


async def test_they_are_asked_about_again_where_that_was_too_little(client: Client) -> None:
    script = Script(agents(worker=short(Decimal(1))))
    said = [("approve", "0.1"), ("approve", "9")]
    result, questions = await decided(client, script, wanted(), *said)
    assert result.status is RunStatus.APPROVED
    assert [question.id for question in questions] == ["budget", "budget.2"]


async def test_a_no_leaves_them_out_and_the_others_in(client: Client) -> None:
    script = Script(agents(worker=short(Decimal(1))))
    result, _ = await decided(client, script, wanted(), ("reject", "enough"))
    assert (result.status, result.summary) == (RunStatus.PARTLY, "1 of 3 parts are in")
    states = [part.state for part in result.parts]
    assert states == [PartState.INTEGRATED, PartState.FAILED, PartState.FAILED]
    assert "bound of cost" in result.parts[1].why


async def test_nobody_is_asked_where_the_run_does_not_ask(client: Client) -> None:
    script = Script(agents(worker=short(Decimal(1))))
    result = await run(client, script, wanted(ask=False))
    assert (result.status, result.decisions) == (RunStatus.PARTLY, ())


async def test_one_that_could_not_begin_begins_with_what_is_left(client: Client) -> None:
    """One at a time: the first uses more than its share, and what the run still gets is promised
    to nobody before."""
    script = Script(agents(), cost=Decimal("0.2"))
    spec = wanted(at_once=1)
    result, [question] = await decided(client, script, spec, ("approve", "5"))
    assert "before it began" in question.text
    assert result.status is RunStatus.APPROVED
    assert asked(script) == ["worker.1", *SHORT]
    assert sorted(line.agent_id for line in result.agents) == ["worker.1", *SHORT]


@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_those_who_look_around_at_once_go_on_as_well(client: Client, verdict: str) -> None:
    def scout(call: ModelCall) -> Any:
        if call.agent_id == "scout.2" and call.allowance.cost_usd < 1:
            return OutOfBudget(bound=Bound.COST)
        return report(**REPORTS["scout"])

    script = Script(agents(scout=scout))
    spec = PipelineInput(
        run=f"r-{uuid.uuid4().hex[:8]}", task="fix it", repo="/repo", scouts=3, ask=True,
        max_cost_usd=Decimal(1),
    )  # fmt: skip
    result, [question] = await decided(client, script, spec, (verdict, "9"))
    assert "ran out while scout.2 was at work" in question.text
    assert result.status is RunStatus.APPROVED, "two scouts are enough"
    states = {line.agent_id: line.state for line in result.agents}
    gone_on = verdict == "approve"
    assert states["scout.2"] is (AgentState.REPORTED if gone_on else AgentState.BOUND)
    [plan] = [call for call in script.model_calls if call.agent_id.startswith("planner")]
    assert plan.opening is not None
    assert len([c for c in plan.opening.context if "scout" in c.title]) == (3 if gone_on else 2)


def test_the_question_for_many_is_short_enough() -> None:
    ends = [
        AgentResult(
            agent_id=f"worker.{n}", state=AgentState.BOUND, bound=Bound.COST, why="w" * 500,
            said="s" * 500, snapshot="s", turns=1, spent=Spent(),
        )
        for n in range(64)
    ]  # fmt: skip
    budget = Allowance(cost_usd=Decimal(1), tokens=10**9)
    text = out_of_budget_text(ends, Spent(), budget, Decimal(1))
    assert len(text) < MAX_TEXT_CHARS
    assert "64 agents" in text
    assert "and 44 more" in text
