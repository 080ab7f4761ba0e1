"""A worker of the benchmarks: `python -m benchmarks.worker floor|cadre ADDRESS STATE_DIR`.

It works on the task queue of its own name until SIGTERM; one line says that it polls.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import httpx2
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from activities.calls import Calls
from activities.model import ModelActivities
from activities.tools import ToolActivities
from activities.transcripts import Transcripts
from benchmarks.floor import Floor, FloorActivities
from benchmarks.subject import NoTool, NoWorkspaces, request
from cadre.llm.client import make_client
from cadre.runtime.processes import leave
from cadre.runtime.settings import Settings
from cadre.storage.objects import Objects
from workers.parts import Parts
from workers.worker import OTHER_ACTIVITIES, PASSED_THROUGH, make_worker
from workers.workflow_runner import sandboxed


def floor_worker(client: Client, settings: Settings, http: httpx2.AsyncClient) -> Worker:
    """The floor, with the options of Cadre's worker."""
    activities = FloorActivities(http, request())
    restrictions = SandboxRestrictions.default.with_passthrough_modules(
        *PASSED_THROUGH, "benchmarks.floor_types"
    )
    return Worker(
        client,
        task_queue="floor",
        workflows=[Floor],
        activities=[activities.model, activities.tool],
        workflow_runner=sandboxed(restrictions, client.data_converter),
        max_concurrent_activities=(
            settings.max_model_calls + settings.max_tool_calls + OTHER_ACTIVITIES
        ),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        default_heartbeat_throttle_interval=timedelta(seconds=1),
    )


def simulator_client() -> httpx2.AsyncClient:
    """The least client of the Messages API."""
    headers = {
        "x-api-key": os.environ["ANTHROPIC_API_KEY"],
        "anthropic-version": "2023-06-01",
    }
    return httpx2.AsyncClient(
        base_url=os.environ["ANTHROPIC_BASE_URL"],
        headers=headers,
        timeout=60,
        limits=httpx2.Limits(max_connections=None),
    )


def cadre_worker(client: Client, settings: Settings, stack: AsyncExitStack) -> Worker:
    """Cadre's own worker, with a tool that does nothing."""
    anthropic = make_client()
    stack.push_async_callback(anthropic.close)
    objects = Objects.open(settings.objects_url)
    sandbox = NoTool()
    workspaces = NoWorkspaces(settings.state_dir, sandbox)
    transcripts = Transcripts(objects)
    model = ModelActivities(anthropic, objects, transcripts=transcripts)
    tools = ToolActivities(Calls(objects, transcripts), workspaces, sandbox)
    parts = Parts((model.call, tools.run), objects, workspaces, "none", "simulated")
    return make_worker(client, settings, parts)


async def _main(kind: str, address: str, state: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = Settings(state_dir=state, task_queue=kind, shutdown_seconds=0)
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    async with AsyncExitStack() as stack:
        if kind == "floor":
            http = await stack.enter_async_context(simulator_client())
            worker = floor_worker(client, settings, http)
        else:
            worker = cadre_worker(client, settings, stack)
        await stack.enter_async_context(worker)
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
    leave(0)
