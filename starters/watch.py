"""`cadre watch RUN`: follow a run until it ends."""

from __future__ import annotations

from typing import Annotated

import typer

from starters.console import launch, new_app, run_async, say

app = new_app()


@app.command()
def watch(
    run: Annotated[str, typer.Argument(help="The run's ID.", show_default=False)],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as a line of JSON.")
    ] = False,
) -> int:
    """Watch a run until it ends, from its beginning. Exit status 0 only if it is approved."""
    from starters.progress import going_on  # noqa: PLC0415

    return run_async(_watch(run, as_json), going_on(run))


async def _watch(run: str, as_json: bool) -> int:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters import find, progress  # noqa: PLC0415
    from starters.summary import exit_status, summary_lines  # noqa: PLC0415

    settings = load_settings()
    client = await connect(settings)
    found = await find.the_run(client, run)
    view = await progress.watch(client, found, show=progress.print_json if as_json else None)
    if not as_json:
        for text in summary_lines(view, find.ui_address(settings, client, run)):
            say(text)
    return exit_status(view.end.result if view.end else None)


if __name__ == "__main__":
    launch(app, "python -m starters.watch")
