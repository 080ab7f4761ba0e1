"""Starting a run once: checks first, then the workflow, under an ID that starts only one."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.outcomes import RunStatus
from cadre.domain.render import cell
from cadre.domain.runs import RunInput
from cadre.runtime.attributes import ensure_search_attributes
from cadre.runtime.events.reading import read
from cadre.runtime.events.types import RunStarted
from cadre.runtime.settings import Settings
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.catalog import Catalog
from cadre.tools.definitions import choose, read_repository
from cadre.tools.project_settings import check_rules
from starters.find import PATTERN, Found, find
from starters.options import filled, option_name
from starters.questions import user_name
from starters.repository import checked_repository
from workflows.registry import Pattern

STATUS = SearchAttributeKey.for_keyword("CadreStatus")
REPO = SearchAttributeKey.for_keyword("CadreRepo")
# PostgreSQL keeps no longer keyword.
MAX_KEYWORD = 255
COST = SearchAttributeKey.for_float("CadreCostUsd")
# Easy to read aloud: no 0 and o, no 1, i and l.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
ID_LETTERS = 6
# A worker's poll lasts a minute, so one that has not polled for longer is gone.
POLL_AGE = timedelta(seconds=75)


class Begun(NamedTuple):
    """A run, and whether this call started it."""

    run: Found
    new: bool


def new_id(prefix: str) -> str:
    """A short ID for a run, such as `pipeline-k7m3xq`."""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(ID_LETTERS))}"


def checked(pattern: Pattern, values: dict[str, Any], catalog: Catalog) -> RunInput:
    """A pattern's input, checked as far as this machine can; `catalog` has the tools and agents
    that there are. Raises CadreError(WRONG_INPUT)."""
    run = new_id(pattern.name) if values["run"] is None else values["run"]
    who = values.get("requested_by") or user_name()
    request = filled(pattern.input, {**values, "run": run, "requested_by": who})
    if not request.subject.strip():
        raise CadreError(ErrorKind.WRONG_INPUT, "task: it is empty; say what shall be done")
    _said(request)
    tools = catalog.tools.names
    unknown = [tool for tool in request.disallowed_tools if tool not in tools]
    if unknown:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"--disallowed-tools {unknown[0]!r}: no such tool; there are {', '.join(tools)}",
        )
    check_rules("allow", request.allow, tools)
    check_rules("deny", request.deny, tools)
    request = request.model_copy(update={"repo": checked_repository(request.repo, request.base)})
    files = read_repository(request.repo, request.base, tools)
    files.settings.for_run(hooks=not request.no_hooks)
    for role, name in request.cast():
        choose(role, name, files, catalog.agents, trust_repo=request.trust_repo)
    return request


def _said(request: RunInput) -> None:
    """That no option is empty, as an unset variable of a script makes it: an empty check passes,
    and nobody has an empty name."""
    for name in ("check", "setup", "approvers", "escalate_to"):
        given = getattr(request, name)
        for each in (given,) if isinstance(given, str) else given or ():
            if not each.strip():
                said = f"{option_name(name)}: it is empty; leave it out, or say what is meant"
                raise CadreError(ErrorKind.WRONG_INPUT, said)
    may = {*request.approvers, *request.escalate_to}
    if request.four_eyes and request.approvers and may == {request.requested_by}:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"--four-eyes: nobody could decide: --approvers names {request.requested_by} alone, "
            "who wants the run",
        )


async def begin(client: Client, settings: Settings, pattern: Pattern, request: RunInput) -> Begun:
    """Start the run, or find the one that was started with the same ID and input.

    Raises CadreError(WRONG_INPUT) where that ID belongs to a run with other input.
    """
    known = await find(client, request.run)
    if known is None:
        await _never_used(settings, request.run)
        await ensure_search_attributes(client)
        if await _start(client, settings, pattern, request):
            return Begun(await _there(client, request.run), new=True)
        known = await _there(client, request.run)
    given = request.model_dump(mode="json")
    if pattern.name != known.pattern or await _input_of(client, known) != given:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"--id {request.run}: a run with other input has that ID; choose another, or look at "
            f"it with `cadre show {request.run}`",
        )
    return Begun(known, new=False)


async def _start(client: Client, settings: Settings, pattern: Pattern, request: RunInput) -> bool:
    """Whether it was this call that started it."""
    attributes = (
        SearchAttributePair(PATTERN, pattern.name),
        SearchAttributePair(STATUS, RunStatus.PREPARING.value),
        SearchAttributePair(REPO, request.repo[:MAX_KEYWORD]),
        SearchAttributePair(COST, 0.0),
    )
    try:
        await client.start_workflow(
            pattern.name,
            request,
            id=request.run,
            task_queue=settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            search_attributes=TypedSearchAttributes(attributes),
            static_summary=cell(request.subject, 200),
            static_details=f"{request.details}\n\nRepository: {request.repo} at {request.base}",
        )
    except WorkflowAlreadyStartedError:
        return False
    except RPCError as error:
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"the Temporal server refuses the run: {error.message}"
        ) from error
    return True


async def _there(client: Client, run: str) -> Found:
    found = await find(client, run)
    if found is None:
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"--id {run}: a workflow that is no run of Cadre has that ID"
        )
    return found


async def _never_used(settings: Settings, run: str) -> None:
    """A run's answers are stored under its ID, so an ID is never given twice."""
    record = await Objects.open(settings.objects_url).get(keys.record(run))
    if record is not None:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"--id {run}: an earlier run had that ID; choose another, or look at it with "
            f"`cadre show {run}`",
        )


async def _input_of(client: Client, found: Found) -> dict[str, object] | None:
    async for event in read(client, found.run, found.run_id, wait=False):
        if isinstance(event, RunStarted):
            return event.input
    return None


async def worker_polls(client: Client, settings: Settings) -> bool:
    """Whether a worker has asked for work within the last minute or so."""
    return bool(await polling_workers(client, settings))


async def polling_workers(client: Client, settings: Settings) -> list[str]:
    """The workers that have asked for work within the last minute or so, by their identities."""
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=settings.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    oldest = datetime.now(UTC) - POLL_AGE
    return sorted(
        poller.identity
        for poller in described.pollers
        if poller.last_access_time.ToDatetime(tzinfo=UTC) > oldest
    )
