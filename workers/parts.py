"""Everything that a worker's activities stand on, opened once and closed in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError

from activities.attempts import SettleActivities
from activities.calls import Calls
from activities.decisions import DecisionActivities
from activities.deliveries import DeliveryActivities, Means
from activities.model import ModelActivities
from activities.prepare import PrepareActivities
from activities.record import RecordActivities
from activities.settling import AgentSettling
from activities.tasks import TaskActivities
from activities.tools import ToolActivities
from activities.transcripts import CACHE_BYTES, Transcripts
from activities.workspace import WorkspaceActivities
from cadre.domain.errors import CadreError, ErrorKind
from cadre.llm.client import credentials_found, has_credentials, make_client
from cadre.llm.prices import load_prices
from cadre.runtime.settings import Settings
from cadre.storage.objects import Objects
from cadre.tools.catalog import Catalog
from cadre.tools.sandbox import Sandbox, open_sandbox, probe
from cadre.tools.workspace import Workspaces
from cadre.tools.workspace.handover import Handover

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic


@dataclass(frozen=True)
class Parts:
    """A worker's activities with what they share, and in words its sandbox and its models."""

    activities: tuple[Callable[..., Any], ...]
    objects: Objects
    workspaces: Workspaces
    sandbox: str
    models: str


@asynccontextmanager
async def open_parts(settings: Settings, catalog: Catalog) -> AsyncIterator[Parts]:
    """Open everything for the time of a block; `catalog` has the tools and agents that there are.

    Raises CadreError in one line where something cannot be opened: no credentials, a prices file
    or an object store that makes no sense. A machine without a sandbox is no reason: tools that
    need one refuse, and say how to get it.
    """
    async with make_client(stall_seconds=settings.model_stall_seconds) as client:
        if not has_credentials(client):
            raise CadreError(
                ErrorKind.WRONG_INPUT,
                "no credentials of Claude are found: set ANTHROPIC_API_KEY (or "
                "ANTHROPIC_AUTH_TOKEN, or a profile), or use the simulator: cadre up --simulate",
            )
        found = await asyncio.to_thread(probe, read_only=settings.sandbox_read_only)
        sandbox = open_sandbox(found, insecure=settings.sandbox_insecure)
        objects = _open_objects(settings.objects_url)
        workspaces = Workspaces(settings.state_dir, sandbox)
        activities = make_activities(
            settings, client, objects, workspaces, sandbox, catalog=catalog
        )
        yield Parts(activities, objects, workspaces, sandbox.level.value, _models())


def make_activities(
    settings: Settings,
    client: AsyncAnthropic,
    objects: Objects,
    workspaces: Workspaces,
    sandbox: Sandbox,
    *,
    catalog: Catalog,
) -> tuple[Callable[..., Any], ...]:
    """All that a worker does, on what its parts share."""
    transcripts = Transcripts(objects, CACHE_BYTES // (settings.processes or 1))
    calls = Calls(objects, transcripts)
    tools = ToolActivities(calls, workspaces, sandbox, catalog.tools)
    model = ModelActivities(client, objects, transcripts=transcripts, tools=catalog.tools)
    tasks = TaskActivities(objects, calls)
    files = WorkspaceActivities(workspaces, objects)
    decisions = DecisionActivities(
        settings.decision_key, settings.notify_url, settings.notify_secret
    )
    record = RecordActivities(objects, workspaces)
    means = Means(settings.delivery_commands, settings.delivery_hooks, settings.delivery_seconds)
    delivery = DeliveryActivities(Handover(settings.state_dir), objects, means)
    return (
        PrepareActivities(objects, load_prices(settings.prices_file), catalog).prepare,
        model.call,
        SettleActivities(objects, transcripts).settle,
        AgentSettling(objects, transcripts).settle,
        tools.run,
        tasks.read,
        tasks.answer,
        files.open,
        files.check,
        files.describe,
        files.commit,
        files.order,
        files.merge,
        files.find_markers,
        files.deliver,
        files.close,
        delivery.plan,
        delivery.take,
        delivery.prepare_merge,
        delivery.move_branch,
        delivery.make,
        delivery.settle,
        decisions.check,
        decisions.notify,
        record.record_agent,
        record.record_run,
    )


def _open_objects(url: str) -> Objects:
    try:
        return Objects.open(url)
    except (BaseError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CadreError(ErrorKind.WRONG_INPUT, f"object store {url}: {reason}") from error


def _models() -> str:
    found = f"Claude by {credentials_found(os.environ)}"
    base_url = os.environ.get("ANTHROPIC_BASE_URL")
    return f"{found} at {base_url}" if base_url else found
