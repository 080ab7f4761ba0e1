"""`cadre watch RUN`: follow a run until it ends."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from starters.console import launch, new_app, run_async, say

# On the machine of the worker, whoever looks on leaves the processors to those who work.
YIELDING = 5

app = new_app()


@app.command()
def watch(
    run: Annotated[str, typer.Argument(help="The run's ID.", show_default=False)],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as a line of JSON.")
    ] = False,
    after: Annotated[
        str | None,
        typer.Option("--after", help="Go on after this place, which --json gave with an event."),
    ] = None,
) -> int:
    """Watch a run until it ends, from its beginning. Exit status 0 only if it is approved."""
    from starters.progress import going_on  # noqa: PLC0415

    os.nice(YIELDING)
    return run_async(_watch(run, as_json, after), going_on(run))


async def _watch(run: str, as_json: bool, after: str | None) -> int:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.events import Cursor  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters import find, progress  # noqa: PLC0415
    from starters.summary import exit_status, summary_lines  # noqa: PLC0415

    settings = load_settings()
    client = await connect(settings)
    found = await find.the_run(client, run)
    seen = Cursor.parse(after, found.run_id) if after else None
    show = progress.print_json if as_json else progress.print_line if seen else None
    view = await progress.watch(client, found, show=show, after=seen)
    if not as_json:
        for text in summary_lines(view, find.ui_address(settings, client, run)):
            say(text)
    return exit_status(view.end.result if view.end else None)


if __name__ == "__main__":
    launch(app, "python -m starters.watch")
