"""The agent's loop on a real server, with scripted activities."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError

from cadre.domain.agents import Agent, Role
from cadre.domain.budget import Bound, Limits, Spent
from cadre.domain.errors import ErrorKind
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.progress import CUT_OFF, LAST_TURN
from cadre.domain.runs import AgentSpec
from cadre.domain.turns import (
    BadReport,
    Declined,
    Interrupted,
    ModelCall,
    OutOfBudget,
    SettleTurn,
    ToolCall,
)
from tests.workflows.scripted import MODEL, WORKSPACE, Script, report, uses

BUILDER = Role(name="builder", report="BuildReport", writes=True)


def spec(**limits: Any) -> AgentSpec:
    return AgentSpec(
        run=f"r-{uuid.uuid4().hex[:8]}",
        agent_id="builder",
        agent=Agent(
            name="builder",
            role=BUILDER,
            definition_key="k",
            sha256="0" * 64,
            source="built-in",
            tools=("Read", "Edit"),
            model=MODEL,
        ),
        task="do it",
        workspace=WORKSPACE,
        snapshot="tree0",
        limits=Limits(**limits),
    )


async def run(client: Client, script: Script, wanted: AgentSpec) -> AgentResult:
    queue = f"q-{wanted.run}"
    async with script.worker(client, queue):
        result: AgentResult = await client.execute_workflow(
            "agent",
            wanted,
            id=f"{wanted.run}/{wanted.agent_id}",
            task_queue=queue,
            result_type=AgentResult,
        )
        return result


def by_turn(*outcomes: Any) -> Callable[[ModelCall], Any]:
    return lambda call: outcomes[call.turn - 1]


async def test_it_goes_from_tools_to_its_report(client: Client) -> None:
    script = Script(by_turn(uses("Read"), uses("Edit", read_only=False), report(summary="done")))
    result = await run(client, script, spec())
    assert result.state is AgentState.REPORTED
    assert result.report == {"summary": "done"}
    assert result.turns == 3
    assert result.spent.cost_usd == Decimal("0.03")
    # Reading leaves the snapshot alone, editing moves it on.
    assert result.snapshot == "tree0+Edit"
    # The opening is said once; afterwards only what is new.
    assert [call.opening is not None for call in script.model_calls] == [True, False, False]
    assert [call.results for call in script.model_calls] == [
        (),
        ("toolu_0_Read",),
        ("toolu_0_Edit",),
    ]


async def test_reading_tools_run_at_once(client: Client) -> None:
    script = Script(by_turn(uses("Read", "Grep", "Glob"), report()))
    script.hold = asyncio.Event()
    wanted = spec()

    async def release() -> None:
        async with asyncio.timeout(20):
            while script.running < 3:
                await asyncio.sleep(0.01)
        assert script.hold is not None
        script.hold.set()

    released = asyncio.create_task(release())
    result = await run(client, script, wanted)
    await released
    assert script.most_running == 3
    assert list(script.model_calls[1].results) == [
        "toolu_0_Read",
        "toolu_1_Grep",
        "toolu_2_Glob",
    ]
    assert result.snapshot == "tree0"


async def test_tools_that_write_run_in_order_each_on_what_the_last_one_left(client: Client) -> None:
    script = Script(by_turn(uses("Edit", "Bash", read_only=False), report()))
    result = await run(client, script, spec())
    assert script.most_running == 1
    assert [call.snapshot for call in script.tool_calls] == ["tree0", "tree0+Edit"]
    assert result.snapshot == "tree0+Edit+Bash"


@pytest.mark.parametrize(
    ("limits", "cost", "bound", "turns"),
    [
        ({"max_turns": 2}, "0.01", Bound.TURNS, 2),
        ({"max_tokens": 200}, "0.01", Bound.TOKENS, 2),
        ({"max_cost_usd": Decimal("0.03")}, "0.015", Bound.COST, 2),
    ],
)
async def test_meeting_a_bound_is_a_result_that_keeps_what_was_done(
    client: Client, limits: dict[str, Any], cost: str, bound: Bound, turns: int
) -> None:
    script = Script(lambda call: uses("Edit", read_only=False), cost=Decimal(cost))
    result = await run(client, script, spec(**limits))
    assert result.state is AgentState.BOUND
    assert result.bound is bound
    assert result.turns == turns
    assert result.snapshot == "tree0" + "+Edit" * turns
    assert bound.value in result.why


async def test_a_call_that_does_not_fit_the_budget_ends_it(client: Client) -> None:
    script = Script(lambda call: OutOfBudget(bound=Bound.COST))
    result = await run(client, script, spec())
    assert (result.state, result.bound) == (AgentState.BOUND, Bound.COST)


async def test_the_last_turn_is_announced(client: Client) -> None:
    script = Script(by_turn(uses("Read"), report(summary="partly")))
    result = await run(client, script, spec(max_turns=2))
    assert result.state is AgentState.REPORTED
    assert [call.remark for call in script.model_calls] == [None, LAST_TURN]


async def test_a_bad_report_goes_back_with_the_reason_and_three_end_it(client: Client) -> None:
    script = Script(lambda call: BadReport(reason=f"field {call.turn} is missing"))
    result = await run(client, script, spec())
    assert result.state is AgentState.GAVE_UP
    assert result.why == "field 3 is missing"
    assert "field 1 is missing" in (script.model_calls[1].remark or "")
    assert len(script.model_calls) == 3


async def test_three_invalid_tool_calls_in_a_row_end_it(client: Client) -> None:
    script = Script(
        lambda call: uses("Read"),
        tool=lambda call: {"is_error": True, "invalid": True, "preview": "file_path is missing"},
    )
    result = await run(client, script, spec())
    assert (result.state, result.why) == (AgentState.GAVE_UP, "file_path is missing")
    assert len(script.tool_calls) == 3


async def test_an_answer_that_was_cut_off_is_said_so_and_a_pause_is_not(client: Client) -> None:
    script = Script(by_turn(Interrupted(why="max_tokens"), Interrupted(why="pause_turn"), report()))
    result = await run(client, script, spec())
    assert result.state is AgentState.REPORTED
    assert [call.remark for call in script.model_calls] == [None, CUT_OFF, None]


@pytest.mark.parametrize(
    ("why", "state"),
    [("refusal", AgentState.REFUSED), ("context_window", AgentState.CONTEXT_FULL)],
)
async def test_declining_is_a_result(client: Client, why: Any, state: AgentState) -> None:
    script = Script(lambda call: Declined(why=why, detail="so it is"))
    result = await run(client, script, spec())
    assert (result.state, result.why) == (state, "so it is")


async def test_a_final_failure_is_a_result_with_its_one_line(client: Client) -> None:
    def refuse(call: ModelCall) -> Any:
        raise ApplicationError(
            "the key was refused", type=ErrorKind.MODEL_ACCESS, non_retryable=True
        )

    result = await run(client, Script(refuse), spec())
    assert (result.state, result.why) == (AgentState.FAILED, "the key was refused")


async def test_a_call_that_fails_for_good_is_charged_what_its_attempts_cost(client: Client) -> None:
    def fail(call: ModelCall) -> Any:
        if call.turn == 1:
            return uses("Read")
        raise ApplicationError("no sense", type=ErrorKind.MODEL_FAULT, non_retryable=True)

    script = Script(fail, lost=Spent(cost_usd=Decimal(3), lost_usd=Decimal(3), lost_attempts=3))
    wanted = spec()
    result = await run(client, script, wanted)
    assert script.settled == [SettleTurn(run=wanted.run, agent_id="builder", turn=2)]
    assert (result.state, result.turns) == (AgentState.FAILED, 1)
    assert (result.spent.cost_usd, result.spent.lost_usd) == (Decimal("3.01"), Decimal(3))
    assert result.spent.lost_attempts == 3


async def test_cancelling_waits_for_the_tool_and_keeps_what_was_done(client: Client) -> None:
    def hang_in_bash(call: ToolCall) -> dict[str, Any]:
        return {}

    script = Script(
        by_turn(uses("Edit", read_only=False), uses("Bash", read_only=False)), tool=hang_in_bash
    )
    wanted = spec()
    queue = f"q-{wanted.run}"
    async with script.worker(client, queue):
        handle = await client.start_workflow(
            "agent",
            wanted,
            id=f"{wanted.run}/builder",
            task_queue=queue,
            result_type=AgentResult,
        )
        async with asyncio.timeout(20):
            while len(script.tool_calls) < 1:
                await asyncio.sleep(0.01)
            script.hold = asyncio.Event()
            while not (len(script.tool_calls) == 2 and script.running):
                await asyncio.sleep(0.01)
        await handle.cancel()
        result = await handle.result()
    assert script.running == 0
    assert (result.state, result.snapshot) == (AgentState.CANCELLED, "tree0+Edit")
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
