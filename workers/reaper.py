"""Clears away what runs left that were not let to end in order: terminated, failed, timed out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from cadre.domain.errors import CadreError
from cadre.runtime.events.recording import is_recorded, write_record
from cadre.storage.objects import Objects
from cadre.tools.workspace import Workspaces

# Runs that ended by themselves cleared up, or kept their files because the branch could not be
# delivered. A run that this service does not know may belong to another one.
LEFT_BEHIND = frozenset(
    {
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
    }
)
# Agents are asked to cancel when their run is terminated, and need a moment for it.
GRACE = timedelta(minutes=1)
PAUSE_SECONDS = 60.0

log = structlog.get_logger(__name__)


async def reap_for_ever(
    client: Client, objects: Objects, workspaces: Workspaces, claim: Callable[[], bool]
) -> None:
    """Look once a minute; a service that does not answer is asked again the next time.

    Of the processes on one state directory only that one looks to which `claim` says so.
    """
    while True:
        try:
            if claim():
                await reap(client, objects, workspaces)
        except RPCError as error:
            log.warning("the reaper could not ask Temporal", error=error.message)
        await asyncio.sleep(PAUSE_SECONDS)


async def reap(
    client: Client, objects: Objects, workspaces: Workspaces, grace: timedelta = GRACE
) -> list[str]:
    """Write the missing records of runs that were left behind, and remove their files.

    Returns the runs that were cleared away.
    """
    cleared = []
    for run in await workspaces.on_disk():
        described = await _described(client, run)
        if described is None or described.status not in LEFT_BEHIND:
            continue
        if described.close_time is None or datetime.now(UTC) - described.close_time < grace:
            continue
        agents = [
            found async for found in client.list_workflows(f"WorkflowId STARTS_WITH '{run}/'")
        ]
        if any(agent.status is WorkflowExecutionStatus.RUNNING for agent in agents):
            continue
        last = {run: described.run_id}
        for agent in agents:  # the last execution of each comes first
            last.setdefault(agent.id, agent.run_id)
        try:
            for workflow_id, run_id in last.items():
                agent_id = workflow_id.removeprefix(run).removeprefix("/")
                if not await is_recorded(objects, run, agent_id, run_id):
                    await write_record(client, objects, run, agent_id)
        except CadreError as error:  # of another version, perhaps; the other runs must not wait
            log.warning("a run's record cannot be written", run=run, error=error.message)
            continue
        await workspaces.close(run)
        log.info("cleared a run away", run=run, status=described.status.name)
        cleared.append(run)
    return cleared


async def _described(client: Client, run: str) -> WorkflowExecutionDescription | None:
    try:
        return await client.get_workflow_handle(run).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
