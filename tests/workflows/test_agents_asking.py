"""A run's page names what its agents ask, on a real server with scripted activities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import Client, WorkflowHandle

from cadre.domain.decisions import Choice
from cadre.domain.outcomes import PartState, RunResult, RunStatus
from cadre.domain.turns import ModelCall
from tests.workflows.course import DONE, agents
from tests.workflows.scripted import Script, report, uses
from tests.workflows.test_asking import asking, decide
from tests.workflows.test_decisions import details
from tests.workflows.test_fan_out import asked_questions, wanted
from workflows.waiting import MAX_MESSAGES


@asynccontextmanager
async def asked(client: Client) -> AsyncIterator[WorkflowHandle[Any, RunResult]]:
    """A run of two workers that each ask before their only change."""
    script, spec = Script(agents(), tool=asking), wanted(tasks=("a", "b"), approvers=("ann",))
    async with script.worker(client, spec.run):
        await client.start_workflow("fan-out", spec, id=spec.run, task_queue=spec.run)
        handle = client.get_workflow_handle(spec.run, result_type=RunResult)
        for number in (1, 2):
            await details(handle, f"cadre approve {spec.run} worker.{number}/edit-1")
        yield handle


async def attribute(handle: WorkflowHandle[Any, Any], words: str) -> None:
    """Wait until CadreWaiting is this; empty where it is not there."""
    async with asyncio.timeout(60):
        while True:
            described = await handle.describe()
            found = described.search_attributes.get("CadreWaiting") or [""]
            if found[0] == words:
                return
            await asyncio.sleep(0.02)


async def test_a_run_names_what_its_agents_ask_until_it_is_decided(client: Client) -> None:
    async with asked(client) as handle:
        shown = await details(handle, f"workflows/{handle.id}%2Fworker.1/")
        assert "worker.1/edit-1 waits for ann\n\n`Edit" in shown
        assert await handle.query("questions") == [], "its own questions alone"
        for number, left in ((1, "agents: worker.2/edit-1 (ann)"), (2, "")):
            agent = client.get_workflow_handle(f"{handle.id}/worker.{number}")
            [question] = await asked_questions(client, agent.id)
            await decide(agent, question, Choice.APPROVE)
            await attribute(handle, left)
        result = await handle.result()
    assert result.status is RunStatus.APPROVED
    assert [part.state for part in result.parts] == [PartState.INTEGRATED] * 2


async def test_an_agent_that_is_gone_asks_nothing(client: Client) -> None:
    async with asked(client) as handle:
        await client.get_workflow_handle(f"{handle.id}/worker.1").terminate()
        await attribute(handle, "agents: worker.2/edit-1 (ann)")
        await handle.cancel()
        await attribute(handle, "")


async def test_what_is_said_of_agents_that_are_not_there_is_not_shown(client: Client) -> None:
    async with asked(client) as handle:
        asks = [{"id": "x", "title": "Send money"}]
        await handle.signal("agent_asks", {"agent_id": "nobody", "questions": asks})
        await handle.signal("agent_asks", {"agent_id": "worker.1", "questions": "many"})
        shown = await details(handle, "refused: the signal agent_asks")
        assert "Send money" not in shown
        await handle.cancel()
        await attribute(handle, "")


async def test_an_agent_that_asks_very_often_tells_its_run_no_more(client: Client) -> None:
    """The run's history has room for so many messages of each agent, and goes on without more."""
    times = MAX_MESSAGES // 2 + 2

    def often(call: ModelCall) -> Any:
        return uses("Edit", read_only=False) if call.turn <= times else report(**DONE)

    script = Script(agents(worker=often), tool=asking)
    spec = wanted(tasks=("a",), approvers=("ann",))
    async with script.worker(client, spec.run):
        handle = await client.start_workflow("fan-out", spec, id=spec.run, task_queue=spec.run)
        agent = client.get_workflow_handle(f"{spec.run}/worker.1")
        known: set[str] = set()
        for _ in range(times):
            async with asyncio.timeout(60):
                while (found := (await asked_questions(client, agent.id))[0]).id in known:
                    await asyncio.sleep(0.02)
            known.add(found.id)
            last = await handle.describe()
            await decide(agent, found, Choice.APPROVE)
        await handle.result()
        history = await handle.fetch_history()
    assert "CadreWaiting" not in last.search_attributes
    signals = [
        e for e in history.events if e.HasField("workflow_execution_signaled_event_attributes")
    ]
    assert len(known) == times
    assert 2 < len(signals) <= MAX_MESSAGES
