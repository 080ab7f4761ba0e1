"""Put a worker together and run it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Sequence
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from cadre.domain.errors import CadreError, ErrorKind
from cadre.included import load
from cadre.runtime.attributes import ensure_search_attributes
from cadre.runtime.client import connect
from cadre.runtime.locks import claiming
from cadre.runtime.processes import leave_no_core
from cadre.runtime.settings import Settings
from cadre.tools.catalog import catalog_of
from cadre.tools.sandbox import end_strays
from workers.announcement import Ready
from workers.limits import LimitActivities
from workers.mistakes import MAX_MISTAKES, MAX_MISTAKES_OF_SEVERAL, BoundMistakes
from workers.parts import Parts, open_parts
from workers.reaper import reap_for_ever
from workers.workflow_runner import sandboxed
from workflows.included import patterns_of
from workflows.registry import PATTERNS, Pattern, workflows

# Workflows share these with the activities: imported anew in the sandbox, a result would be of
# another class than the workflow's, and each workflow would cost 15 times the CPU. Of `cadre` ours
# use the domain alone; a module of the operator's that also offers tools imports more.
SHARED = ("cadre", "pydantic", "pydantic_core", "annotated_types")
# Cadre's own workflows are not imported anew for each run either, so that one that waits takes a
# third of the memory and half the time to replay. The sandbox then cannot keep a clock from them:
# the tests do, which run and replay them without this. Patterns of others are always guarded.
PASSED_THROUGH = (*SHARED, "workflows")
# The short activities of the engine, beside model and tool calls.
OTHER_ACTIVITIES = 32


async def run_worker(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Run a worker's process until SIGTERM or SIGINT, then let its activities end within
    `settings.shutdown_seconds`. `announce` is called once, when it polls. The settings are its
    share of the worker's.

    Raises CadreError in one line where it cannot start: no server, no credentials, an included
    module that cannot be used.
    """
    leave_no_core()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await asyncio.to_thread(end_strays)
    modules = load(settings.include)
    catalog, patterns = catalog_of(modules), patterns_of(modules)
    client = await connect(settings)
    await ensure_search_attributes(client)
    async with (
        open_parts(settings, catalog) as parts,
        checked_worker(client, settings, parts, patterns),
    ):
        announce(
            Ready(
                address=client.service_client.config.target_host,
                namespace=client.namespace,
                task_queue=settings.task_queue,
                sandbox=parts.sandbox,
                models=parts.models,
            )
        )
        with claiming(settings, "reaper") as claim:
            async with asyncio.TaskGroup() as group:
                reaper = group.create_task(
                    reap_for_ever(client, parts.objects, parts.workspaces, claim)
                )
                await stop.wait()
                reaper.cancel()


def checked_worker(
    client: Client, settings: Settings, parts: Parts, patterns: Sequence[Pattern]
) -> Worker:
    """`make_worker`, with one line about a pattern that does what no workflow may when it is
    imported. Raises CadreError(WRONG_INPUT)."""
    try:
        return make_worker(client, settings, parts, patterns)
    except RuntimeError as error:
        why = " ".join(str(error.__cause__ or error).split())
        raise CadreError(ErrorKind.WRONG_INPUT, f"{error}: {why}") from error


def make_worker(
    client: Client, settings: Settings, parts: Parts, patterns: Sequence[Pattern] = PATTERNS
) -> Worker:
    """The worker, not yet running."""
    model_calls = asyncio.Semaphore(settings.max_model_calls)
    commands = asyncio.Semaphore(settings.max_tool_calls)
    slots = {"model.call": model_calls, "tool.run": commands, "workspace.check": commands}
    processes = settings.processes or 1
    mistakes = MAX_MISTAKES if processes == 1 else MAX_MISTAKES_OF_SEVERAL
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=workflows(patterns),
        activities=parts.activities,
        workflow_runner=sandboxed(restrictions, client.data_converter),
        interceptors=[LimitActivities(slots), BoundMistakes(mistakes)],
        identity=f"cadre {os.getpid()}@{socket.gethostname()}",
        max_cached_workflows=max(1, settings.max_cached_workflows // processes),
        max_concurrent_activities=(
            settings.max_model_calls + settings.max_tool_calls + OTHER_ACTIVITIES
        ),
        # After a worker's death its cached workflows wait this long for it.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        # Heartbeats carry the text as it is written.
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        default_heartbeat_throttle_interval=timedelta(seconds=1),
        graceful_shutdown_timeout=timedelta(seconds=settings.shutdown_seconds),
    )
