"""A run's events on a real server: the real workflows, with scripted activities under them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cadre.domain.outcomes import RunResult, RunStatus
from cadre.domain.turns import ModelCall
from cadre.runtime import devserver
from cadre.runtime.events import (
    EVENTS,
    Cursor,
    Event,
    events_of,
    events_so_far,
    follow,
    pending,
    polling,
    record_of,
)
from cadre.runtime.events import types as e
from cadre.runtime.events.reading import read
from cadre.runtime.ports import free_port
from cadre.runtime.settings import Settings
from tests.workflows.scripted import Script, report, uses
from workflows.pipeline import PipelineInput

REPORTS: dict[str, dict[str, Any]] = {
    "scout": {"summary": "s", "facts": [], "files": [], "risks": []},
    "planner": {"summary": "p", "steps": [], "checks": []},
    "builder": {"summary": "why", "subject": "Fix it", "verified": [], "open_points": []},
    "reviewer": {"verdict": "approve", "summary": "good", "findings": []},
}


def play(call: ModelCall) -> Any:
    role = call.agent.role.name
    if call.turn == 1 and role in ("scout", "builder"):
        return uses("Edit" if role == "builder" else "Read", read_only=role != "builder")
    return report(**REPORTS[role])


def script(**changes: Any) -> Script:
    tool = {"is_error": True, "preview": "no such file"}
    defaults: dict[str, Any] = {
        "check": lambda request: int(request.name == "before"),
        "tool": lambda call: tool if call.agent_id == "scout" else {},
    }
    return Script(play, **(defaults | changes))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    state: Path = tmp_path_factory.mktemp("events")
    return Settings(state_dir=state, port=free_port(), ui_port=free_port())


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    async with devserver.running(settings) as server:
        yield await Client.connect(server.address, data_converter=pydantic_data_converter)


async def start(client: Client, **fields: Any) -> WorkflowHandle[Any, RunResult]:
    spec = PipelineInput(
        run=f"r-{uuid.uuid4().hex[:8]}", task="fix it", repo="/repo", check="make check", **fields
    )
    return await client.start_workflow(
        "pipeline", spec, id=spec.run, task_queue="q", result_type=RunResult
    )


async def run_id(handle: WorkflowHandle[Any, Any]) -> str:
    return (await handle.describe()).run_id


async def followed(client: Client, handle: WorkflowHandle[Any, Any], **options: Any) -> list[Event]:
    run = await run_id(handle)
    async with asyncio.timeout(60):
        return [event async for event in follow(client, handle.id, run, **options)]


def kinds(events: list[Event], agent_id: str) -> list[str]:
    return [event.kind for event in events if event.at.agent_id == agent_id]


def found(events: list[Event], kind: type[Any], agent_id: str = "") -> Any:
    return next(v for v in events if isinstance(v, kind) and v.at.agent_id == agent_id)


async def test_a_run_tells_all_that_happened(client: Client) -> None:
    async with script().worker(client, "q"):
        handle = await start(client)
        result = await handle.result()
    events = await events_so_far(client, handle.id, await run_id(handle))

    assert kinds(events, "scout") == [
        "agent_started",
        "model_asked",
        "model_answered",
        "tool_started",
        "tool_finished",
        "model_asked",
        "model_answered",
        "agent_ended",
    ]
    statuses = [v.status for v in events if isinstance(v, e.StatusChanged)]
    assert statuses == [
        *("preparing", "scouting", "planning", "building", "checking", "reviewing"),
        "approved",
    ]
    assert found(events, e.RunStarted).input["task"] == "fix it"
    check = found(events, e.CheckFinished)
    assert (check.name, check.result.passed) == ("before", False)
    tool = found(events, e.ToolFinished, "scout")
    assert (tool.turn, tool.title, tool.is_error, tool.preview) == (1, "Read", True, "no such file")
    answer = found(events, e.ModelAnswered, "scout")
    assert (answer.outcome, answer.detail, answer.cost_usd) == ("tools", "Read", Decimal("0.01"))
    ended = found(events, e.AgentEnded, "builder.1")
    assert (ended.result.turns, ended.result.spent.cost_usd) == (2, Decimal("0.02"))
    assert isinstance(events[-1], e.RunEnded)
    assert events[-1].result == result
    times = [event.at.time for event in events[:-1]]
    assert times == sorted(times)
    assert EVENTS.validate_json(EVENTS.dump_json(events)) == events


async def test_following_a_live_run_gives_each_event_once(client: Client) -> None:
    held = script(hold=asyncio.Event())
    async with held.worker(client, "q"):
        handle = await start(client)
        async with asyncio.timeout(60):
            watching = asyncio.create_task(followed(client, handle))
            await held.entered.wait()  # the watcher sees the rest as it happens
            held.hold.set()  # type: ignore[union-attr]
            events = await watching
    later = await events_so_far(client, handle.id, await run_id(handle))
    assert sorted(map(str, events)) == sorted(map(str, later))
    assert isinstance(events[-1], e.RunEnded)
    for agent_id in {event.at.agent_id for event in events}:
        ids = [event.at.event_id for event in events if event.at.agent_id == agent_id]
        assert ids == sorted(ids)


async def test_workflows_beyond_the_long_polls_are_seen_too(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "WORKFLOWS_AT_ONCE", 1)
    monkeypatch.setattr(polling, "SWEEP_SECONDS", 0.1)
    held = script(hold=asyncio.Event())
    async with held.worker(client, "q"):
        handle = await start(client, scouts=3)
        async with asyncio.timeout(60):
            watching = asyncio.create_task(followed(client, handle))
            await held.entered.wait()
            held.hold.set()  # type: ignore[union-attr]
            events = await watching
    later = await events_so_far(client, handle.id, await run_id(handle))
    assert sorted(map(str, events)) == sorted(map(str, later))


async def test_a_reader_goes_on_where_another_one_stopped(client: Client) -> None:
    async with script().worker(client, "q"):
        handle = await start(client)
        await handle.result()
    events = await followed(client, handle)
    seen, run = Cursor(), await run_id(handle)
    middle = len(events) // 2
    assert all(seen.advance(event) for event in events[:middle])
    later = Cursor.parse(str(seen), run)
    rest = [event for event in await followed(client, handle) if later.advance(event)]
    assert rest == events[middle:]
    assert str(later) != str(seen)
    assert not any(later.advance(event) for event in events)


async def test_a_cancelled_run_ends_with_its_result(client: Client) -> None:
    held = script(hold=asyncio.Event())
    async with held.worker(client, "q"):
        handle = await start(client)
        await held.entered.wait()
        await handle.cancel()
        events = await followed(client, handle)
    end = events[-1]
    assert isinstance(end, e.RunEnded)
    assert end.close == "cancelled"
    assert end.result is not None
    assert end.result.status is RunStatus.CANCELLED
    assert "cancel_requested" in kinds(events, "")
    assert found(events, e.ActivityFailed, "scout").how == "cancelled"
    assert found(events, e.AgentEnded, "scout").result.state.value == "cancelled"


async def test_a_terminated_run_ends_though_its_agents_never_do(client: Client) -> None:
    held = script(hold=asyncio.Event())
    async with held.worker(client, "q"):
        handle = await start(client)
        await held.entered.wait()
    events = []
    async with asyncio.timeout(60):
        async for event in follow(client, handle.id, await run_id(handle)):
            events.append(event)
            if isinstance(event, e.ToolStarted):
                await handle.terminate(reason="enough")  # no worker is there to end the agent
    end = events[-1]
    assert not any(isinstance(event, e.AgentEnded) for event in events)
    assert isinstance(end, e.RunEnded)
    assert (end.close, end.result, end.why) == ("terminated", None, "enough")


async def test_the_record_ends_though_the_history_does_not(client: Client) -> None:
    async with script().worker(client, "q"):
        handle = await start(client)
        result = await handle.result()
    whole = await handle.fetch_history()
    recording = [
        number
        for number, event in enumerate(whole.events, start=1)
        if event.activity_task_scheduled_event_attributes.activity_type.name == "record.run"
    ]
    history = replace(whole, events=whole.events[: recording[0]])
    events = await events_of(history, client.data_converter)
    assert not any(isinstance(event, e.RunEnded) for event in events)
    record = await record_of(history, client.data_converter)
    assert isinstance(record[-1], e.RunEnded)
    assert record[-1].result == result


@workflow.defn(name="pipeline")
class Broken:
    """Its code fails, which Temporal tries again and again."""

    @workflow.run
    async def run(self, spec: PipelineInput) -> RunResult:
        raise ValueError("a bug")


async def test_code_that_fails_is_seen(client: Client) -> None:
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue="q", workflows=[Broken], workflow_runner=runner):
        handle = await start(client)
        async with asyncio.timeout(30):
            async for event in follow(client, handle.id, await run_id(handle)):
                if isinstance(event, e.WorkflowTaskFailed):
                    assert event.why == "a bug"
                    break
            else:
                pytest.fail("nothing told of it")
    await handle.terminate()


async def test_the_text_being_written_is_seen(client: Client) -> None:
    release = asyncio.Event()

    class Writing(Script):
        @activity.defn(name="model.call")
        async def model_call(self, call: ModelCall) -> Any:
            if not release.is_set():
                activity.heartbeat({"turn": 1, "text": "I look at", "output_chars": 9})
                await release.wait()
            return await super().model_call(call)

    async with Writing(play).worker(client, "q"):
        handle = await start(client)
        async with asyncio.timeout(30):
            while not (there := await pending_of(client, f"{handle.id}/scout")):
                await asyncio.sleep(0.05)
        release.set()
        await handle.result()
    assert there == [("model.call", 1, "I look at", 9)]


async def pending_of(client: Client, workflow_id: str) -> list[tuple[str, int, str, int]]:
    """The activities that have shown a text; none where the agent has not started yet."""
    try:
        activities = await pending(client, workflow_id)
    except RPCError:
        return []
    return [(a.activity, a.attempt, a.text, a.output_chars) for a in activities if a.text]


async def test_a_server_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, port=free_port(), ui_port=free_port())
    first = await devserver.start(settings)
    client = await Client.connect(first.address, data_converter=pydantic_data_converter)
    handle = await start(client)  # no worker yet: the run waits
    started, run = asyncio.Event(), await run_id(handle)

    async def watch() -> list[Event]:
        events = []
        async for event in follow(client, handle.id, run):
            events.append(event)
            started.set()
        return events

    async def poll() -> None:
        async for _ in read(client, handle.id, run, wait=True):
            pass

    watching = asyncio.create_task(watch())
    await started.wait()
    polling = asyncio.create_task(poll())
    first.process.kill()
    await first.process.wait()
    with pytest.raises(RPCError):  # the SDK's own patience is at its end
        await polling
    async with devserver.running(settings), script().worker(client, "q"):
        async with asyncio.timeout(60):
            events = await watching
    assert isinstance(events[-1], e.RunEnded)
    assert events[-1].result is not None
    assert len({(v.at.workflow, v.at.event_id) for v in events}) == len(events)
