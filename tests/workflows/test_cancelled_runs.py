"""A fan-out that is asked to end, in each of its phases: it ends in order, and nothing is lost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import CancelledError

from cadre.domain.decisions import Choice, Decision
from cadre.domain.integration import MergeBranches, Merged
from cadre.domain.outcomes import PartState, RunResult, RunStatus
from cadre.domain.turns import ModelCall
from tests.workflows.course import DONE, agents, asked, run
from tests.workflows.holding import Hold, cancel
from tests.workflows.scripted import Script, clean, conflict, report, uses
from workflows.fan_out import FanOutInput


def wanted(**fields: Any) -> FanOutInput:
    given = {"run": f"r-{uuid.uuid4().hex[:8]}", "repo": "/repo", "tasks": ("one", "two", "three")}
    return FanOutInput(**(given | fields))


def works(call: ModelCall) -> Any:
    """Edits, runs something, reports."""
    if call.turn > 2:
        return report(**DONE)
    return uses("Edit" if call.turn == 1 else "Bash", read_only=False)


async def cancelled(client: Client, script: Script, spec: FanOutInput, hold: Hold) -> RunResult:
    """The run's result as recorded, where it is asked to end while `hold` holds it."""
    script.interceptors = (hold,)
    going = asyncio.ensure_future(run(client, script, spec))
    try:
        await hold.met()
        await cancel(client, spec.run)
        with pytest.raises(WorkflowFailureError) as failure:
            await asyncio.wait_for(asyncio.shield(going), 60)
    finally:
        hold.release.set()
        await asyncio.gather(going, return_exceptions=True)
    assert isinstance(failure.value.cause, CancelledError)
    [result] = hold.results
    return result


def tool_of(agent: str, name: str = "Bash") -> Callable[[Any], bool]:
    return lambda call: (call.agent_id, call.use.name) == (agent, name)


@pytest.mark.parametrize("at_once", [1, 20])
async def test_at_work(client: Client, at_once: int) -> None:
    script = Script(agents(worker=works))
    spec, hold = wanted(at_once=at_once), Hold("tool.run", tool_of("worker.1"))
    result = await cancelled(client, script, spec, hold)
    assert result.status is RunStatus.CANCELLED
    assert "worker.1" in [line.agent_id for line in result.agents], "its cost is in the books"
    [kept] = [c for c in script.commits if c.author == "worker.1"]
    assert kept.snapshot == "tree0+Edit", "what it had done is kept"
    assert f"cadre/{spec.run}+1" in [d.branch for d in script.delivered]
    assert script.records.index("worker.1") < script.records.index("run")
    assert hold.order[-1] == "workspace.close"


async def test_a_workspace_is_being_opened(client: Client) -> None:
    script = Script(agents(worker=works))
    spec, hold = wanted(tasks=("one", "two")), Hold("workspace.open", lambda r: r.name == "2")
    result = await cancelled(client, script, spec, hold)
    assert result.status is RunStatus.CANCELLED
    assert "worker.2" not in asked(script)
    assert script.closed == 1


async def test_it_waits_for_a_word(client: Client) -> None:
    script = Script(agents())
    spec, hold = wanted(tasks=(), task="all"), Hold("record.run")
    script.interceptors = (hold,)
    going = asyncio.ensure_future(run(client, script, spec))
    handle = client.get_workflow_handle(spec.run)
    async with asyncio.timeout(60):
        while "splitter" not in script.records:
            await asyncio.sleep(0.02)
    await cancel(client, spec.run)
    await hold.met()
    try:
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(
                "decide", Decision(id="parts", verdict=Choice.APPROVE, by="me")
            )
    finally:
        hold.release.set()
        with pytest.raises(WorkflowFailureError):
            await going
    assert hold.results[0].status is RunStatus.CANCELLED


def all_conflict(request: MergeBranches) -> Merged:
    return clean(request) if request.label == "part 1" else conflict(request)


async def test_a_resolver_is_at_work(client: Client) -> None:
    script = Script(agents(resolver=works), merged=all_conflict)
    spec, hold = wanted(), Hold("tool.run", tool_of("resolver.1"))
    result = await cancelled(client, script, spec, hold)
    assert result.status is RunStatus.CANCELLED
    assert [merge.label for merge in script.merges] == ["part 1", "part 2"]
    assert "resolver.2" not in asked(script)
    in_main_and_aside(script, spec, result)


async def test_the_merged_files_are_checked(client: Client) -> None:
    script = Script(agents())
    spec, hold = wanted(check="make check"), Hold("workspace.check", lambda r: r.name == "merge.2")
    result = await cancelled(client, script, spec, hold)
    assert result.status is RunStatus.CANCELLED
    in_main_and_aside(script, spec, result)


def in_main_and_aside(script: Script, spec: FanOutInput, result: RunResult) -> None:
    """Part 1 is in the run's branch, which ends with its merge; the others are beside it."""
    assert result.parts[0].state is PartState.INTEGRATED
    assert not [c.subject for c in script.commits if c.subject == "Work in progress"]
    [merged] = [n for n, c in enumerate(script.commits, 1) if len(c.parents) == 2]
    branches = {d.branch: d.commit for d in script.delivered}
    main = f"cadre/{spec.run}"
    assert sorted(branches) == [main, f"{main}+2", f"{main}+3"]
    assert branches[main] == f"commit{merged}"


@pytest.mark.parametrize("last", ["workspace.deliver", "record.run"])
async def test_it_has_come_to_its_end(client: Client, last: str) -> None:
    """Too late: all was done, and what is recorded is what the workflow closes as."""
    script, spec, hold = Script(agents()), wanted(), Hold(last)
    script.interceptors = (hold,)
    going = asyncio.ensure_future(run(client, script, spec))
    await hold.met()
    await cancel(client, spec.run)
    hold.release.set()
    result = await asyncio.wait_for(going, 60)
    assert result.status is RunStatus.APPROVED
    assert [recorded.status for recorded in hold.results] == [RunStatus.APPROVED]
    assert [d.branch for d in script.delivered] == [f"cadre/{spec.run}"]
    assert (script.closed, hold.order[-1]) == (1, "workspace.close")
