"""`cadre cancel RUN`: end a run in order."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from starters.console import launch, new_app, run_async, say

app = new_app()


@app.command()
def cancel(
    run: Annotated[str, typer.Argument(help="The run's ID.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask a run to end: its agents and tools stop in order, its branch keeps what there is."""
    status = run_async(_cancel(run))
    asked = status == "running"
    if as_json:
        say(json.dumps({"run": run, "asked": asked, "status": status}))
    elif asked:
        say(f"asked {run} to end: `cadre watch {run}` shows how it does")
    else:
        say(f"{run} has ended already: {status}")


async def _cancel(run: str) -> str:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.find import the_run  # noqa: PLC0415

    client = await connect(load_settings())
    found = await the_run(client, run)
    if found.open:
        await client.get_workflow_handle(run, run_id=found.run_id).cancel()
    return found.status


if __name__ == "__main__":
    launch(app, "python -m starters.cancel")
