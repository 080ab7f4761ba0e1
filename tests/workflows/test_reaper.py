"""What a run leaves behind that was terminated, on a real server that nobody works for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from cadre.runtime.events import types as e
from cadre.runtime.events.recording import is_recorded
from cadre.runtime.events.types import EVENTS
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.sandbox import open_sandbox, probe
from cadre.tools.workspace import Workspaces
from tests.workflows.test_agent import spec
from tests.workflows.test_approval import wanted
from workers.reaper import reap


async def test_an_agent_that_went_on_is_recorded_to_its_end(client: Client, tmp_path: Path) -> None:
    """What was recorded when it had ended before is there already, and stays."""
    agent = spec()
    run, agent_id = agent.run, f"{agent.run}/{agent.agent_id}"
    parent = await client.start_workflow("approval", wanted(run), id=run, task_queue="nobody")
    again = await client.start_workflow("agent", agent, id=agent_id, task_queue="nobody")
    objects, key = Objects.open(f"file://{tmp_path}/store"), keys.record(run, agent.agent_id)
    place = e.Place(workflow=agent_id, run_id="earlier", event_id=1, time=datetime.now(UTC))
    await objects.put(key, EVENTS.dump_json([e.CancelRequested(at=place)]))
    (tmp_path / "runs" / run).mkdir(parents=True)
    await again.terminate()
    await parent.terminate()
    workspaces = Workspaces(tmp_path, open_sandbox(probe()))
    query = f"WorkflowId = '{agent_id}' AND ExecutionStatus = 'Terminated'"
    async with asyncio.timeout(60):
        while (await client.count_workflows(query)).count < 1:
            await asyncio.sleep(0.05)
    assert await reap(client, objects, workspaces, timedelta(0)) == [run]
    known = EVENTS.validate_json(await objects.get(key) or b"[]")
    assert known[0].at.run_id == "earlier"
    assert known[-1].at.run_id == again.first_execution_run_id
    assert await objects.get(keys.record(run)) is not None
    assert await is_recorded(objects, run, agent.agent_id, "earlier")
    assert not await is_recorded(objects, run, agent.agent_id, "later")
    await objects.put(key, b"of another version")
    assert await is_recorded(objects, run, agent.agent_id, "later")
