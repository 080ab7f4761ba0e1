"""A process of a benchmark's worker: `python -m benchmarks.worker KIND ADDRESS`.

The kind is a key of KINDS. Its settings come from the environment. It works until SIGTERM; one line
says that it polls.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx2
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from benchmarks.floor import Floor, FloorActivities, FloorFanOut
from benchmarks.subject import NoTool, NoWorkspaces, request
from cadre.domain.agents import Role
from cadre.domain.roles import SCOUT, WORKER
from cadre.llm.client import make_client
from cadre.runtime.processes import leave
from cadre.runtime.settings import Settings, load_settings
from cadre.storage.objects import Objects
from cadre.tools.catalog import Catalog
from workers.parts import Parts, make_activities, open_parts
from workers.worker import OTHER_ACTIVITIES, PASSED_THROUGH, make_worker
from workers.workflow_runner import sandboxed


async def floor(
    client: Client, settings: Settings, stack: AsyncExitStack, role: Role = SCOUT
) -> Worker:
    """The floor, with the options of Cadre's worker."""
    http = await stack.enter_async_context(simulator_client())
    activities = FloorActivities(http, request(role))
    restrictions = SandboxRestrictions.default.with_passthrough_modules(
        *PASSED_THROUGH, "benchmarks.floor", "benchmarks.floor_types"
    )
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[Floor, FloorFanOut],
        activities=[activities.model, activities.tool],
        workflow_runner=sandboxed(restrictions, client.data_converter),
        max_cached_workflows=settings.max_cached_workflows // (settings.processes or 1),
        max_concurrent_activities=(
            settings.max_model_calls + settings.max_tool_calls + OTHER_ACTIVITIES
        ),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        default_heartbeat_throttle_interval=timedelta(seconds=1),
    )


async def floor_of_workers(client: Client, settings: Settings, stack: AsyncExitStack) -> Worker:
    """The floor, whose requests are those of the agents that do the parts of a fan-out."""
    return await floor(client, settings, stack, WORKER)


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


async def cadre(client: Client, settings: Settings, stack: AsyncExitStack) -> Worker:
    """Cadre's own worker, with a tool that does nothing and workspaces that are nowhere."""
    anthropic = await stack.enter_async_context(make_client())
    objects = Objects.open(settings.objects_url)
    sandbox = NoTool()
    workspaces = NoWorkspaces(settings.state_dir, sandbox)
    activities = make_activities(
        settings, anthropic, objects, workspaces, sandbox, catalog=Catalog()
    )
    return make_worker(
        client, settings, Parts(activities, objects, workspaces, "none", "simulated")
    )


async def whole(client: Client, settings: Settings, stack: AsyncExitStack) -> Worker:
    """Cadre's own worker."""
    parts = await stack.enter_async_context(open_parts(settings, Catalog()))
    return make_worker(client, settings, parts)


KINDS: dict[str, Callable[[Client, Settings, AsyncExitStack], Awaitable[Worker]]] = {
    "floor": floor,
    "floor-of-workers": floor_of_workers,
    "cadre": cadre,
    "whole": whole,
}


async def _main(kind: str, address: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    async with AsyncExitStack() as stack:
        worker = await KINDS[kind](client, load_settings(), stack)
        await stack.enter_async_context(worker)
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2]))
    leave(0)
