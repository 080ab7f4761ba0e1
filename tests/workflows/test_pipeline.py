"""The pipeline's course on a real server, with scripted activities."""

from __future__ import annotations

import asyncio
import uuid
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError

from cadre.domain.budget import Bound
from cadre.domain.errors import ErrorKind
from cadre.domain.outcomes import AgentState, RunResult, RunStatus
from cadre.domain.turns import Declined, ModelCall, OutOfBudget
from tests.workflows.course import REPORTS, agents, asked, run
from tests.workflows.scripted import Script, report, uses
from workflows.pipeline import PipelineInput

FINDING = {"severity": "major", "path": "a.py", "line": 1, "message": "wrong sign"}


def review_of(call: ModelCall, **fields: Any) -> Any:
    return report(**(REPORTS["reviewer"] | fields))


def wanted(**fields: Any) -> PipelineInput:
    run = f"r-{uuid.uuid4().hex[:8]}"
    return PipelineInput(run=run, task="fix it", repo="/repo", **fields)


async def test_the_straight_way(client: Client) -> None:
    script = Script(agents(), check=lambda request: int(request.name == "before"))
    spec = wanted(check="make check")
    result = await run(client, script, spec)
    assert result.status is RunStatus.APPROVED
    assert asked(script) == ["scout", "planner", "builder.1", "reviewer.1"]
    assert [line.agent_id for line in result.agents] == asked(script)
    assert result.check_before is not None
    assert not result.check_before.passed
    assert result.check_after is not None
    assert result.check_after.passed
    assert result.spent.cost_usd == Decimal("0.05")
    assert [(c.author, c.subject) for c in script.commits[:1]] == [("builder.1", "Fix it")]
    assert script.delivered[0].branch == f"cadre/{spec.run}"
    assert sorted(script.records) == sorted([*asked(script), "run"])
    assert script.closed == 1


async def test_a_failing_check_goes_back_without_a_review(client: Client) -> None:
    fails = {"before", "after.builder.1"}
    script = Script(agents(), check=lambda request: int(request.name in fails))
    result = await run(client, script, wanted(check="make check"))
    assert (result.status, result.rounds) == (RunStatus.APPROVED, 2)
    assert asked(script) == ["scout", "planner", "builder.1", "builder.2", "reviewer.1"]
    second = next(c for c in script.model_calls if c.agent_id == "builder.2")
    assert second.opening is not None
    assert "the output" in second.opening.task
    assert "Report of builder.1" in [item.title for item in second.opening.context]


async def test_findings_go_back_to_a_fresh_builder_until_the_rounds_are_used_up(
    client: Client,
) -> None:
    script = Script(
        agents(reviewer=lambda call: review_of(call, verdict="request_changes", findings=[FINDING]))
    )
    result = await run(client, script, wanted(max_rounds=2))
    assert (result.status, result.rounds) == (RunStatus.NOT_APPROVED, 2)
    assert [finding.message for finding in result.findings] == ["wrong sign"]
    assert asked(script)[2:] == ["builder.1", "reviewer.1", "builder.2", "reviewer.2"]
    assert result.delivery is not None, "what was built is kept"


async def test_an_approval_with_a_major_finding_is_not_taken(client: Client) -> None:
    script = Script(agents(reviewer=lambda call: review_of(call, findings=[FINDING])))
    result = await run(client, script, wanted(max_rounds=1))
    assert result.status is RunStatus.NOT_APPROVED


async def test_scouts_share_the_budget_and_one_may_fail(client: Client) -> None:
    def scout(call: ModelCall) -> Any:
        if call.agent_id == "scout.2":
            return Declined(why="refusal", detail="no")
        return report(**REPORTS["scout"])

    script = Script(agents(scout=scout))
    result = await run(client, script, wanted(scouts=3, max_cost_usd=Decimal(9)))
    assert result.status is RunStatus.APPROVED
    scouts = [call for call in script.model_calls if call.agent.role.name == "scout"]
    assert [call.allowance.cost_usd for call in scouts] == [Decimal(3)] * 3
    states = {line.agent_id: line.state for line in result.agents}
    assert states["scout.2"] is AgentState.REFUSED
    plan = next(c for c in script.model_calls if c.agent_id == "planner")
    assert plan.opening is not None
    assert [i.title for i in plan.opening.context] == ["Report of scout.1", "Report of scout.3"]


async def test_what_is_left_is_what_the_next_agent_may_use(client: Client) -> None:
    script = Script(agents(), cost=Decimal("0.25"))
    await run(client, script, wanted(max_cost_usd=Decimal(2)))
    left = [(call.agent_id, call.allowance.cost_usd) for call in script.model_calls]
    assert left == [
        ("scout", Decimal(2)),
        ("planner", Decimal("1.75")),
        ("builder.1", Decimal("1.50")),
        ("builder.1", Decimal("1.25")),
        ("reviewer.1", Decimal("1.00")),
    ]


async def test_out_of_budget_is_a_result_that_keeps_the_branch(client: Client) -> None:
    def builder(call: ModelCall) -> Any:
        return uses("Edit", read_only=False) if call.turn == 1 else OutOfBudget(bound=Bound.COST)

    script = Script(agents(builder=builder))
    result = await run(client, script, wanted())
    assert result.status is RunStatus.OUT_OF_BUDGET
    assert result.delivery is not None
    assert [(c.author, c.subject) for c in script.commits] == [("builder.1", "Work in progress")]
    assert script.closed == 1


async def test_nothing_left_for_the_next_agent_is_out_of_budget(client: Client) -> None:
    script = Script(agents(), cost=Decimal(1))
    result = await run(client, script, wanted(max_cost_usd=Decimal(1)))
    assert result.status is RunStatus.OUT_OF_BUDGET
    assert asked(script) == ["scout"]
    assert result.delivery is None


async def test_a_failed_agent_is_a_result_with_its_line(client: Client) -> None:
    def refuse(call: ModelCall) -> Any:
        raise ApplicationError("set a key", type=ErrorKind.MODEL_ACCESS, non_retryable=True)

    script = Script(agents(scout=refuse))
    result = await run(client, script, wanted())
    assert result.status is RunStatus.FAILED
    assert "set a key" in result.summary


async def test_cancelling_ends_the_agent_keeps_the_branch_and_closes_as_cancelled(
    client: Client,
) -> None:
    script = Script(
        agents(builder=lambda call: uses("Edit" if call.turn == 1 else "Bash", read_only=False))
    )
    spec = wanted()
    queue = f"q-{spec.run}"
    async with script.worker(client, queue):
        handle = await client.start_workflow(
            "pipeline", spec, id=spec.run, task_queue=queue, result_type=RunResult
        )
        async with asyncio.timeout(20):
            await script.entered.wait()
            script.hold = asyncio.Event()
            while not (len(script.tool_calls) >= 2 and script.running):
                await asyncio.sleep(0.01)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert script.running == 0
    assert script.delivered, "the branch so far is kept"
    assert script.commits[-1].snapshot.startswith("tree0+Edit")
    assert script.records[-1] == "run"
    assert script.closed == 1


@pytest.mark.parametrize("field", ["max_cost_usd", "scouts", "max_rounds", "max_turns"])
def test_bounds_must_be_positive(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        wanted(**{field: 0})
