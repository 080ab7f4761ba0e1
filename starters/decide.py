"""`cadre approve RUN` and `cadre reject RUN`: a person's word on what a run waits for."""

from __future__ import annotations

import asyncio
import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from cadre.domain.errors import CadreError, ErrorKind
from starters.console import run_async, say

if TYPE_CHECKING:
    from temporalio.client import Client

    from cadre.domain.decisions import Question

Run = Annotated[str, typer.Argument(help="The run's ID.", show_default=False)]
By = Annotated[str, typer.Option("--by", help="Who decides.", show_default="your user name")]
Reason = Annotated[str, typer.Option("--reason", help="Why.", show_default=False)]


def approve(run: Run, by: By = "", reason: Reason = "") -> None:
    """Approve what a run waits for."""
    run_async(_decide(run, approved=True, by=by, reason=reason))


def reject(run: Run, by: By = "", reason: Reason = "") -> None:
    """Reject what a run waits for."""
    run_async(_decide(run, approved=False, by=by, reason=reason))


async def _decide(run: str, *, approved: bool, by: str, reason: str) -> None:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.find import the_run  # noqa: PLC0415

    client = await connect(load_settings())
    found = await the_run(client, run)
    asked = await questions(client, run) if found.open else []
    if not asked:
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"{run} waits for no decision: it is {found.status}"
        )
    say(await decide(client, run, asked[0], approved=approved, by=by, reason=reason))


async def questions(client: Client, run: str) -> list[Question]:
    """What a run waits for."""
    from cadre.domain.decisions import Question  # noqa: PLC0415

    handle = client.get_workflow_handle(run)
    found: list[Question] = await handle.query("questions", result_type=list[Question])
    return found


async def ask_here(client: Client, run: str) -> None:
    """Ask the person at this terminal what the run waits for, if it still does."""
    for question in await questions(client, run):
        say(question.text)
        approved = await asyncio.to_thread(typer.confirm, "Go ahead?")
        say(await decide(client, run, question, approved=approved))


async def decide(
    client: Client, run: str, question: Question, *, approved: bool, by: str = "", reason: str = ""
) -> str:
    """Decide on a question; the decision in words. Raises CadreError(WRONG_INPUT) where the run
    does not take it."""
    from temporalio.client import WorkflowUpdateFailedError  # noqa: PLC0415

    from cadre.domain.decisions import Decision  # noqa: PLC0415

    decision = Decision(
        id=question.id, approved=approved, by=by or getpass.getuser(), reason=reason
    )
    try:
        await client.get_workflow_handle(run).execute_update("decide", decision)
    except WorkflowUpdateFailedError as refused:
        why = str(refused.cause or refused)
        raise CadreError(ErrorKind.WRONG_INPUT, f"{run}: {why}") from refused
    return f"{run}: {question.id} {decision.words}"
