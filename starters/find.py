"""Finding a run: in Temporal while it is there, then in its record."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.runs import RUN_ID_PATTERN
from cadre.runtime.client import connect
from cadre.runtime.events import EVENTS, Event, events_so_far, in_order
from cadre.runtime.record import read_services
from cadre.runtime.settings import Settings
from cadre.storage import keys
from cadre.storage.objects import Objects

PATTERN = SearchAttributeKey.for_keyword("CadrePattern")


class Found(NamedTuple):
    """A run that Temporal knows. `status` is Temporal's, in words, such as `running`."""

    run: str
    run_id: str
    pattern: str
    status: str
    started: datetime

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.status == "running"


async def find(client: Client, run: str) -> Found | None:
    """The newest execution of the run `run`; None where Temporal knows none by that ID."""
    if re.fullmatch(RUN_ID_PATTERN, run) is None:
        return None
    try:
        described = await client.get_workflow_handle(run).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if described.typed_search_attributes.get(PATTERN) is None:  # somebody else's workflow
        return None
    status = described.status or WorkflowExecutionStatus.RUNNING
    return Found(
        run=run,
        run_id=described.run_id,
        pattern=described.workflow_type,
        status=status_words(status),
        started=described.start_time,
    )


def status_words(status: WorkflowExecutionStatus) -> str:
    """Temporal's status in words."""
    return status.name.lower().replace("_", " ").replace("canceled", "cancelled")


async def the_run(client: Client, run: str) -> Found:
    """Like `find`, but raises CadreError(WRONG_INPUT) for an unknown run."""
    found = await find(client, run)
    if found is None:
        raise unknown(run)
    return found


def unknown(run: str) -> CadreError:
    """There is no such run."""
    return CadreError(ErrorKind.WRONG_INPUT, f"no run {run!r}: `cadre list` shows those there are")


async def events_of_run(settings: Settings, run: str) -> list[Event]:
    """What happened in a run, by time: from the histories, else from its record.

    Raises CadreError(WRONG_INPUT) where neither is there.
    """
    try:
        client = await connect(settings)
        found = await find(client, run)
    except CadreError:
        recorded = await recorded_events(settings, run)
        if recorded is None:
            raise
        return recorded
    if found is not None:
        return await events_so_far(client, run, found.run_id)
    recorded = await recorded_events(settings, run)
    if recorded is None:
        raise unknown(run)
    return recorded


async def recorded_events(settings: Settings, run: str) -> list[Event] | None:
    """What the record of a run says, by time; None where there is no record."""
    if re.fullmatch(RUN_ID_PATTERN, run) is None:  # the ID becomes a path
        return None
    objects = Objects.open(settings.objects_url)
    data = await objects.get(keys.record(run))
    if data is None:
        return None
    histories = [EVENTS.validate_json(data)]
    result = getattr(histories[0][-1], "result", None)
    for agent in getattr(result, "agents", ()):
        of_agent = await objects.get(keys.record(run, agent.agent_id))
        histories.append(EVENTS.validate_json(of_agent) if of_agent else [])
    return in_order(histories)


def ui_address(settings: Settings, client: Client | None, run: str) -> str | None:
    """Where the Temporal UI shows a run, as far as it is known."""
    services = read_services(settings)
    if services is None or services.ui_url is None:
        return None
    namespace = client.namespace if client else "default"
    return f"{services.ui_url}/namespaces/{quote(namespace)}/workflows/{quote(run, safe='')}"
