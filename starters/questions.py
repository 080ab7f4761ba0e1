"""What waits for people, as a client sees it, and how a decision is brought there."""

from __future__ import annotations

import asyncio
import getpass
import os
from typing import NamedTuple

from temporalio.client import Client, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cadre.domain.decisions import SIGNAL, Decided, Decision, Question
from cadre.domain.errors import CadreError, ErrorKind

WAITING = SearchAttributeKey.for_keyword("CadreWaiting")
ASKING = f"{WAITING.name} IS NOT NULL AND ExecutionStatus = 'Running'"
# A worker answers a query within milliseconds; where none runs, it would be waited for.
QUERY_SECONDS = 5
QUERIES_AT_ONCE = 8


class Waiting(NamedTuple):
    """A question that is open in a workflow, a run's own or an agent's."""

    workflow: str
    question: Question

    @property
    def run(self) -> str:
        """The run that it belongs to."""
        return self.workflow.partition("/")[0]

    @property
    def name(self) -> str:
        """What the question is called within its run, such as `parts` or `builder.1/bash-4`."""
        agent = self.workflow.partition("/")[2]
        return f"{agent}/{self.question.id}" if agent else self.question.id


class Unanswered(NamedTuple):
    """A workflow that waits, and that no worker could be asked about; `line` is what it showed."""

    workflow: str
    line: str


def user_name() -> str:
    """Who is at this terminal, as the operating system says."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container has users without a name
        return str(os.getuid())


async def questions(client: Client, workflow: str) -> list[Waiting] | None:
    """What a workflow asks; None where no worker says so."""
    handle = client.get_workflow_handle(workflow)
    try:
        async with asyncio.timeout(QUERY_SECONDS):
            found = await handle.query("questions", result_type=list[Question])
    except (TimeoutError, WorkflowQueryFailedError):
        return None
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
            return None
        raise
    return [Waiting(workflow, question) for question in found]


async def all_waiting(
    client: Client, limit: int, query: str = ASKING
) -> list[Waiting | Unanswered]:
    """What waits, at most so many workflows: those that were started last come first."""
    found = [
        (each.id, each.typed_search_attributes.get(WAITING) or "")
        async for each in client.list_workflows(query, limit=limit, page_size=min(limit, 1000))
    ]
    places = asyncio.Semaphore(QUERIES_AT_ONCE)

    async def one(workflow: str, line: str) -> list[Waiting | Unanswered]:
        async with places:
            asked = await questions(client, workflow)
        return [Unanswered(workflow, line)] if asked is None else [*asked]

    lists = await asyncio.gather(*(one(*each) for each in found))
    return _once([waiting for some in lists for waiting in some])


def _once(found: list[Waiting | Unanswered]) -> list[Waiting | Unanswered]:
    """Without the agents of runs that no worker could be asked about: a run's line names them."""
    silent = {each.workflow for each in found if isinstance(each, Unanswered)}
    runs = {workflow for workflow in silent if "/" not in workflow}
    return [
        each
        for each in found
        if each.workflow not in silent - runs or each.workflow.partition("/")[0] not in runs
    ]


async def waiting_in(client: Client, run: str) -> list[Waiting]:
    """What a run and its agents ask, the run's own questions first. Raises
    CadreError(WRONG_INPUT) where no worker says what it is."""
    own = await questions(client, run)
    agents = f"{ASKING} AND WorkflowId STARTS_WITH '{run}/'"
    found = await all_waiting(client, 1000, agents)
    silent = [each.workflow for each in found if isinstance(each, Unanswered)]
    if own is None:
        silent.insert(0, run)
    if silent and not own:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"no worker says what {silent[0]} waits for: start one with `cadre up`, or try again",
        )
    of_agents = sorted((e for e in found if isinstance(e, Waiting)), key=lambda each: each.name)
    return [*(own or []), *of_agents]


def picked(run: str, asked: list[Waiting], name: str) -> Waiting:
    """The question that is meant. Raises CadreError(WRONG_INPUT) where it could be another."""
    names = ", ".join(each.name for each in asked)
    if not name and len(asked) == 1:
        return asked[0]
    if not name:
        said = f"{run} waits for {len(asked)} decisions, so say which: {names}"
        raise CadreError(ErrorKind.WRONG_INPUT, said)
    whole = [each for each in asked if each.name == name]
    short = [each for each in asked if each.question.id == name]
    if len(found := whole or short) != 1:
        said = f"{run}: {name} is not asked: {names} waits for a decision"
        raise CadreError(ErrorKind.WRONG_INPUT, said)
    return found[0]


async def tell(client: Client, waiting: Waiting, decision: Decision) -> Decided:
    """Bring a decision to the workflow that asked; what it recorded. Raises
    CadreError(WRONG_INPUT) with the reason where it does not take it."""
    handle = client.get_workflow_handle(waiting.workflow)
    try:
        decided: Decided = await handle.execute_update(
            SIGNAL, decision, id=decision.update_id, result_type=Decided
        )
    except WorkflowUpdateFailedError as refused:
        cause = refused.cause
        why = cause.message if isinstance(cause, ApplicationError) else str(cause or refused)
        raise CadreError(ErrorKind.WRONG_INPUT, f"{waiting.run}: {why}") from refused
    if not decided.same_word(decision):
        said = f"{waiting.run}: {waiting.name} is decided already: {decided.words}"
        raise CadreError(ErrorKind.WRONG_INPUT, said)
    return decided
