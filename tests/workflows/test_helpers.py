"""Sub-agents on a real server, with scripted activities."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from temporalio.client import Client

from cadre.domain.agents import TASK, Agent, HelperLine, Role
from cadre.domain.budget import Limits
from cadre.domain.delegation import Wanted
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.roles import BUILDER, SCOUT
from cadre.domain.runs import AgentSpec
from cadre.domain.turns import Declined, ModelCall, ToolCall
from tests.workflows.holding import Hold, cancel
from tests.workflows.scripted import MODEL, WORKSPACE, Script, report, uses

LINES = tuple(HelperLine(name=n, description=n, writes=n == "worker") for n in ("scout", "worker"))
LIMITS = Limits(max_cost_usd=Decimal(6), max_agents=4, max_depth=1)


def agent(name: str, role: Role, *tools: str) -> Agent:
    return Agent(
        name=name, role=role, definition_key="k", sha256="0" * 64, source="built-in",
        tools=tools, model=MODEL, helpers=LINES if TASK in tools else (),
    )  # fmt: skip


def helper(name: str, *, writes: bool, tools: tuple[str, ...] = ("Read",)) -> Agent:
    return agent(name, Role(name="helper", report="Answer", writes=writes), *tools)


def script(
    lead: Callable[[ModelCall], Any],
    task: Callable[[ToolCall], Wanted],
    below: Callable[[ModelCall], Any] = lambda call: report(answer="done"),
    **fields: Any,
) -> Script:
    def answer(call: ModelCall) -> Any:
        return lead(call) if call.agent_id == "lead" else below(call)

    return Script(answer, task=task, **fields)


async def run(
    client: Client, acts: Script, limits: Limits = LIMITS, role: Role = BUILDER, name: str = ""
) -> AgentResult:
    name = name or f"r-{uuid.uuid4().hex[:8]}"
    spec = AgentSpec(
        run=name, agent_id="lead", agent=agent("lead", role, "Read", "Edit", TASK), task="do it",
        workspace=WORKSPACE, snapshot="tree0", limits=limits,
    )  # fmt: skip
    async with acts.worker(client, name):
        result: AgentResult = await client.execute_workflow(
            "agent", spec, id=f"{name}/lead", task_queue=name, result_type=AgentResult
        )
        return result


def asks(*names: str, read_only: bool = True) -> Callable[[ModelCall], Any]:
    def lead(call: ModelCall) -> Any:
        return uses(*names, read_only=read_only) if call.turn == 1 else report(summary="all")

    return lead


def reader(call: ToolCall) -> Wanted:
    return Wanted(agent=helper("scout", writes=False), task="look")


def writer(call: ToolCall) -> Wanted:
    return Wanted(agent=helper("worker", writes=True, tools=("Read", "Edit")), task="write")


def edits(call: ModelCall) -> Any:
    return uses("Edit", read_only=False) if call.turn == 1 else report(answer="written")


async def test_those_that_read_work_at_once_within_equal_shares(client: Client) -> None:
    acts = script(asks(TASK, TASK), reader, cost=Decimal(0))
    result = await run(client, acts)
    assert result.state is AgentState.REPORTED
    assert sorted(h.agent_id for h in result.helpers) == ["lead/scout.1", "lead/scout.2"]
    first = [c.allowance.cost_usd for c in acts.model_calls if c.agent_id != "lead"]
    assert first == [Decimal(2), Decimal(2)], "and a share is kept for the asker"
    assert sorted(acts.records) == ["lead/scout.1", "lead/scout.2"]


async def test_what_they_use_counts_as_the_askers(client: Client) -> None:
    acts = script(asks(TASK), reader, cost=Decimal("0.5"))
    result = await run(client, acts)
    assert result.spent.cost_usd == Decimal(1), "its own two turns"
    assert result.helpers[0].spent.cost_usd == Decimal("0.5")
    last = acts.model_calls[-1]
    assert last.allowance.cost_usd == Decimal(5), "six, less its own turn and its sub-agent's"


async def test_one_that_writes_hands_its_files_back(client: Client) -> None:
    acts = script(asks(TASK, read_only=False), writer, below=edits)
    result = await run(client, acts)
    assert result.snapshot == "tree0+Edit"


async def test_what_one_takes_is_not_taken_from_the_time_of_the_next(client: Client) -> None:
    """The asker is idle then, also within a turn."""
    acts, name = script(asks(TASK, TASK, read_only=False), writer), f"r-{uuid.uuid4().hex[:8]}"
    await run(client, acts, name=name)
    seconds = []
    for number in (1, 2):
        history = await client.get_workflow_handle(f"{name}/lead/worker.{number}").fetch_history()
        began = history.events[0].workflow_execution_started_event_attributes
        [spec] = await client.data_converter.decode(began.input.payloads, [AgentSpec])
        seconds.append(spec.limits.max_active_seconds)
    assert seconds[0] == seconds[1] > 1


async def test_one_that_must_not_write_asks_nobody_to_write(client: Client) -> None:
    acts = script(asks(TASK), writer, below=edits)
    await run(client, acts, role=SCOUT)
    below = [c for c in acts.model_calls if c.agent_id == "lead/worker.1"]
    assert below[0].agent.tools == ("Read",)
    assert not below[0].agent.role.writes


async def test_no_more_of_them_than_allowed(client: Client) -> None:
    acts = script(asks(*[TASK] * 6), reader)
    result = await run(client, acts)
    assert len(result.helpers) == 4
    refused = [d for d in acts.answered if d.ended.report is None]
    assert [d.ended.why for d in refused] == ["the run's bound of agents, before it began"] * 2


async def test_none_below_the_last_level(client: Client) -> None:
    acts = script(asks(TASK), reader)
    result = await run(client, acts, LIMITS.model_copy(update={"max_depth": 0}))
    assert result.helpers == ()


async def test_a_level_more_comes_out_of_the_same_limits(client: Client) -> None:
    def middle(call: ToolCall) -> Wanted:
        tools = ("Read", TASK) if call.agent_id == "lead" else ("Read",)
        return Wanted(agent=helper("scout", writes=False, tools=tools), task="look")

    def below(call: ModelCall) -> Any:
        if call.agent_id == "lead/scout.1" and call.turn == 1:
            return uses(*[TASK] * 5)
        return report(answer="done")

    acts = script(asks(TASK), middle, below)
    limits = LIMITS.model_copy(update={"max_depth": 2, "max_agents": 5})
    result = await run(client, acts, limits)
    names = [line.agent_id for line in result.helpers]
    assert names[0] == "lead/scout.1"
    assert names[1:] == [f"lead/scout.1/scout.{n}" for n in range(1, len(names))]
    assert 2 <= len(names) <= 5


async def test_one_that_fails_is_told_to_the_asker(client: Client) -> None:
    acts = script(asks(TASK), reader, lambda call: Declined(why="refusal", detail="no"))
    result = await run(client, acts)
    assert result.state is AgentState.REPORTED
    assert acts.answered[0].words == "lead/scout.1 refused: no"


async def test_a_call_that_names_nobody_is_a_strike(client: Client) -> None:
    acts = Script(lambda call: uses(TASK))
    result = await run(client, acts)
    assert (result.state, result.turns) == (AgentState.GAVE_UP, 3)


async def test_a_failure_beside_them_does_not_lose_what_they_cost(client: Client) -> None:
    hold = Hold(
        "model.call",
        lambda call: bool(call.agent_id == "lead/scout.1"),
        lambda name, call: bool(name == "tool.run" and call.use.name == "Read"),
        beats=5,
    )
    acts = script(asks("Read", TASK), reader, interceptors=(hold,))
    result = await run(client, acts)
    assert result.state is AgentState.FAILED
    assert [line.agent_id for line in result.helpers] == ["lead/scout.1"]
    assert result.helpers[0].spent.cost_usd == acts.cost
    assert acts.records == ["lead/scout.1"]


async def test_none_begins_after_its_asker_was_asked_to_end(client: Client) -> None:
    hold = Hold("tool.run", lambda call: bool(call.agent_id == "lead/worker.1"))
    acts = script(asks(TASK, TASK, read_only=False), writer, below=edits, interceptors=(hold,))
    name = f"r-{uuid.uuid4().hex[:8]}"
    going = asyncio.ensure_future(run(client, acts, name=name))
    try:
        await hold.met()
        await cancel(client, f"{name}/lead")
        result = await going
    finally:
        hold.release.set()
        await asyncio.gather(going, return_exceptions=True)
    assert result.state is AgentState.CANCELLED
    assert [(h.agent_id, h.state) for h in result.helpers] == [
        ("lead/worker.1", AgentState.CANCELLED)
    ]


async def test_one_that_was_terminated_may_have_used_all_that_it_had(client: Client) -> None:
    hold = Hold("model.call", lambda call: bool(call.agent_id == "lead/scout.1"))
    acts = script(asks(TASK), reader, interceptors=(hold,))
    name = f"r-{uuid.uuid4().hex[:8]}"
    going = asyncio.ensure_future(run(client, acts, name=name))
    try:
        await hold.met()
        await client.get_workflow_handle(f"{name}/lead/scout.1").terminate()
        result = await going
    finally:
        hold.release.set()
        await asyncio.gather(going, return_exceptions=True)
    assert result.state is AgentState.REPORTED
    [line] = result.helpers
    share = (LIMITS.max_cost_usd - acts.cost) / 2
    assert (line.spent.cost_usd, line.spent.lost_usd) == (share, share)
