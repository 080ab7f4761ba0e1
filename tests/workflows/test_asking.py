"""An agent's tool call waits for a person, on a real server with scripted activities."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio.client import Client, WorkflowHandle

from cadre.domain.decisions import Choice, Decided, Decision, Policy, Question
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.turns import ToolAsks, ToolCall
from tests.workflows.scripted import Script, report, uses
from tests.workflows.test_agent import by_turn, spec
from tests.workflows.test_fan_out import asked_questions

ASKS = ToolAsks(why="the run asks", shown='{"input": {}}', key="k", sha256="a" * 64)


def asking(call: ToolCall) -> dict[str, Any]:
    """A tool that a person has to approve, and that changes nothing where they do not."""
    assert call.may_ask
    if call.decision is None:
        return {"asks": ASKS, "snapshot": call.snapshot}
    return {} if call.decision.approved else {"denied": True, "snapshot": call.snapshot}


async def started(
    client: Client, script: Script, **policy: Any
) -> WorkflowHandle[Any, AgentResult]:
    wanted = spec().model_copy(update={"policy": Policy(**policy)})
    handle: WorkflowHandle[Any, AgentResult] = await client.start_workflow(
        "agent", wanted, id=f"{wanted.run}/builder", task_queue="asking", result_type=AgentResult
    )
    return handle


async def decide(handle: WorkflowHandle[Any, Any], question: Question, verdict: Choice) -> None:
    said = Decision(
        id=question.id, verdict=verdict, by="ann", subject_sha256=question.subject_sha256
    )
    await handle.execute_update("decide", said, result_type=Decided)


async def open_questions(client: Client, workflow: str, count: int) -> list[Question]:
    async with asyncio.timeout(60):
        while len(found := await asked_questions(client, workflow)) != count:
            await asyncio.sleep(0.02)
    return found


async def test_a_call_runs_when_it_was_approved_and_the_wait_is_idle_time(client: Client) -> None:
    answers = by_turn(uses("Edit", read_only=False), uses("Edit", read_only=False), report(a=1))
    script = Script(answers, tool=asking)
    async with script.worker(client, "asking"):
        handle = await started(client, script)
        [first] = await asked_questions(client, handle.id)
        assert (first.id, first.kind, first.subject_sha256) == ("edit-1", "tool", ASKS.sha256)
        await decide(handle, first, Choice.REJECT)
        async with asyncio.timeout(60):
            while [second := q for q in await asked_questions(client, handle.id)] and (
                second.id == first.id
            ):
                await asyncio.sleep(0.02)
        assert second.id == "edit-2"
        await decide(handle, second, Choice.APPROVE)
        result = await handle.result()
    assert (result.state, result.snapshot) == (AgentState.REPORTED, "tree0+Edit")
    decisions = [call.decision and call.decision.verdict.value for call in script.tool_calls]
    assert decisions == [None, "reject", None, "approve"]


async def test_calls_at_once_are_asked_and_decided_apart(client: Client) -> None:
    script = Script(by_turn(uses("Read", "Read", "Grep"), report(a=1)), tool=asking)
    async with script.worker(client, "asking"):
        handle = await started(client, script)
        found = await open_questions(client, handle.id, 3)
        assert sorted(q.id for q in found) == ["grep-1", "read-1", "read-1.2"]
        for question in found:
            await decide(handle, question, Choice.APPROVE)
        assert (await handle.result()).state is AgentState.REPORTED
    assert len(script.tool_calls) == 6
    assert len(script.model_calls) == 2


async def test_an_agent_that_waits_can_be_cancelled(client: Client) -> None:
    script = Script(by_turn(uses("Edit", read_only=False)), tool=asking)
    async with script.worker(client, "asking"):
        handle = await started(client, script)
        await asked_questions(client, handle.id)
        await handle.cancel()
        result = await handle.result()
    assert result.state is AgentState.CANCELLED
    assert len(script.tool_calls) == 1


async def test_what_nobody_decides_in_time_is_told_to_the_model(client: Client) -> None:
    script = Script(by_turn(uses("Edit", read_only=False), report(a=1)), tool=asking)
    async with script.worker(client, "asking"):
        handle = await started(client, script, expire_hours=1e-6)
        result = await handle.result()
    assert result.state is AgentState.REPORTED
    last = script.tool_calls[-1].decision
    assert last is not None
    assert (last.verdict, last.by) == (Choice.REJECT, "cadre")
