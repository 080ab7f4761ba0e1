"""How agents start as child workflows: many at once, or where one of that ID is open already."""

from __future__ import annotations

import asyncio
import uuid
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import CancelledError

from cadre.domain import budget
from cadre.domain.agents import TASK, HelperLine
from cadre.domain.budget import Bound
from cadre.domain.outcomes import AgentState, PartState, RunStatus
from cadre.domain.permissions import Layer, Permissions
from cadre.domain.runs import MAX_AGENTS, PreparedRun, PrepareRun
from cadre.domain.turns import ModelCall, OutOfBudget
from tests.workflows.changed import Changed
from tests.workflows.course import DONE, agents, asked, run
from tests.workflows.holding import Hold, cancel
from tests.workflows.scripted import Script, report, uses
from tests.workflows.test_fan_out import states, wanted
from tests.workflows.test_helpers import asks, reader, script
from tests.workflows.test_helpers import run as run_lead

PARTS = MAX_AGENTS - 1


def richly_equipped(_: PrepareRun, prepared: PreparedRun) -> PreparedRun:
    """Agents with about as many rules, and as many others to ask, as one may have."""
    layer = Layer(source="the run", deny=tuple(f"Edit({n:03}{'/x' * 70}/**)" for n in range(64)))
    line = HelperLine(name="h" * 64, description="d" * 150, writes=True)
    told = {"permissions": Permissions(layers=(layer,)), "helpers": (line,) * 20}
    agents = {name: agent.model_copy(update=told) for name, agent in prepared.agents.items()}
    return prepared.model_copy(update={"agents": agents})


async def test_as_many_as_there_may_be_start_with_the_longest_texts(client: Client) -> None:
    begun: set[str] = set()

    def splitter(call: ModelCall) -> Any:
        part = {"title": "t" * 72, "task": '"' * 250, "files": []}
        return report(summary="s", parts=[part] * PARTS)

    def worker(call: ModelCall) -> Any:
        if call.agent_id in begun:
            return report(**DONE)
        begun.add(call.agent_id)
        return OutOfBudget(bound=Bound.COST)  # so that all of them go on at the same moment

    acts = Script(
        agents(splitter=splitter, worker=worker),
        interceptors=(Changed("run.prepare", richly_equipped),),
    )
    spec = wanted(
        tasks=(), task='"' * 16_000, yes=True, max_agents=MAX_AGENTS, at_once=MAX_AGENTS,
        max_cost_usd=1000,
    )  # fmt: skip
    result = await run(client, acts, spec)
    assert (result.status, states(result)) == (RunStatus.APPROVED, [PartState.UNCHANGED] * PARTS)
    assert len(begun) == PARTS
    async for event in client.get_workflow_handle(spec.run).fetch_history_events():
        assert not event.HasField("workflow_task_failed_event_attributes"), event


async def left_open(client: Client, workflow_id: str) -> WorkflowHandle[Any, Any]:
    """A workflow of that ID, which nobody works on."""
    return await client.start_workflow("agent", "", id=workflow_id, task_queue="nobody")


async def test_a_part_whose_agent_is_open_already_fails_alone(client: Client) -> None:
    acts = Script(agents())
    spec = wanted()
    there = await left_open(client, f"{spec.run}/worker.2")
    try:
        result = await run(client, acts, spec)
    finally:
        await there.terminate()
    assert result.status is RunStatus.PARTLY
    assert states(result) == [PartState.INTEGRATED, PartState.FAILED, PartState.INTEGRATED]
    assert result.parts[1].why == (
        f"not started: a workflow {spec.run}/worker.2 is open that this run did not start: end it, "
        "and start the run again with another --id"
    )
    [line] = [line for line in result.agents if line.agent_id == "worker.2"]
    assert (line.state, line.turns, line.spent.cost_usd) == (AgentState.NOT_STARTED, 0, Decimal(0))
    assert "worker.2" not in acts.records, "its history is another run's"
    assert sorted(asked(acts)) == ["worker.1", "worker.3"]


async def test_a_sub_agent_that_is_open_already_is_told_to_its_asker(client: Client) -> None:
    acts = script(asks(TASK), reader)
    name = f"r-{uuid.uuid4().hex[:8]}"
    there = await left_open(client, f"{name}/lead/scout.1")
    try:
        result = await run_lead(client, acts, name=name)
    finally:
        await there.terminate()
    assert result.state is AgentState.REPORTED
    assert acts.answered[0].words.startswith("lead/scout.1 not started: a workflow")
    assert acts.records == []


async def test_an_agent_whose_history_is_full_goes_on_with_a_new_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MAX_HISTORY_EVENTS", 60)

    def worker(call: ModelCall) -> Any:
        return report(**DONE) if call.turn == 12 else uses("Edit", "Read", read_only=False)

    acts = Script(agents(worker=worker))
    spec = wanted(tasks=("one",))
    result = await run(client, acts, spec)
    assert (result.status, states(result)) == (RunStatus.APPROVED, [PartState.INTEGRATED])
    assert [call.turn for call in acts.model_calls] == list(range(1, 13))
    assert [call.opening is None for call in acts.model_calls] == [False] + [True] * 11
    assert all(len(call.results) == 2 for call in acts.model_calls[1:]), "none of them is lost"
    edits = ("+Edit+Read" * 11) + "+"
    assert edits in f"{acts.commits[0].snapshot}+", "each starts on what was there"
    [line] = result.agents
    assert (line.turns, line.spent.cost_usd) == (12, 12 * acts.cost)
    histories = [
        found.history_length or 0
        async for found in client.list_workflows(f"WorkflowId = '{spec.run}/worker.1'")
    ]
    assert len(histories) > 1
    assert max(histories) < 100
    assert acts.records == ["worker.1"] * len(histories) + ["run"]


async def test_a_run_that_is_cancelled_between_two_histories_keeps_the_work(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MAX_HISTORY_EVENTS", 60)
    hold = Hold("record.agent")
    acts = Script(
        agents(worker=lambda call: uses("Edit", "Read", read_only=False)), interceptors=(hold,)
    )
    spec = wanted(tasks=("one",))
    going = asyncio.ensure_future(run(client, acts, spec))
    try:
        await hold.met()
        await cancel(client, spec.run)
        with pytest.raises(WorkflowFailureError) as ended:
            await going
    finally:
        hold.release.set()
        await asyncio.gather(going, return_exceptions=True)
    assert isinstance(ended.value.cause, CancelledError)
    [result] = hold.results
    [line] = result.agents
    turns = len(acts.model_calls)
    assert (line.state, line.turns) == (AgentState.CANCELLED, turns)
    assert line.spent.cost_usd == turns * acts.cost
    assert acts.commits[-1].snapshot.count("+Edit") == turns, "delivered as far as it came"
