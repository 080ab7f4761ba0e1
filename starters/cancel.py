"""`cadre cancel RUN`: end a run in order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cadre.domain.errors import CadreError, ErrorKind
from starters.console import launch, new_app, run_async, say

if TYPE_CHECKING:
    from temporalio.client import Client

    from starters.find import Found

app = new_app()


@app.command()
def cancel(
    run: Annotated[str, typer.Argument(help="The run's ID.", show_default=False)],
    agent: Annotated[
        str, typer.Option(help="End only this agent of the run, such as worker.3.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask a run to end: its agents and tools stop in order, its branch keeps what there is."""
    status = run_async(_cancel(run, agent))
    asked, what = status == "running", f"{run}/{agent}" if agent else run
    if as_json:
        told = {"run": run, "asked": asked, "status": status}
        say(json.dumps(told | ({"agent": agent} if agent else {})))
    elif asked:
        say(f"asked {what} to end: `cadre watch {run}` shows how it does")
    else:
        say(f"{what} has ended already: {status}")


async def _cancel(run: str, agent: str) -> str:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.find import the_run  # noqa: PLC0415

    client = await connect(load_settings())
    found = await the_run(client, run)
    if agent:
        return await _cancel_agent(client, found, agent)
    if found.open:
        await client.get_workflow_handle(run, run_id=found.run_id).cancel()
    return found.status


async def _cancel_agent(client: Client, run: Found, agent: str) -> str:
    from temporalio.client import WorkflowExecutionStatus  # noqa: PLC0415
    from temporalio.service import RPCError, RPCStatusCode  # noqa: PLC0415

    from starters.find import status_words  # noqa: PLC0415

    handle = client.get_workflow_handle(f"{run.run}/{agent}")
    try:
        described = await handle.describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"--agent {agent}: {run.run} has no such agent (yet)"
        ) from error
    status = described.status or WorkflowExecutionStatus.RUNNING
    if status is WorkflowExecutionStatus.RUNNING:
        await handle.cancel()
    return status_words(status)


if __name__ == "__main__":
    launch(app, "python -m starters.cancel")
