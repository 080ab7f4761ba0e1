"""`cadre show RUN`: the tree of its agents, and its result."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from starters.console import launch, new_app, run_async, say

app = new_app()


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="The run's ID.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a run: its agents with state, turns and cost, its result, its place in the UI."""
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.find import events_of_run, ui_address  # noqa: PLC0415
    from starters.screen import agents_table, console  # noqa: PLC0415
    from starters.summary import summary_json, summary_lines  # noqa: PLC0415
    from starters.view import RunView  # noqa: PLC0415

    settings = load_settings()
    view = RunView.of(run_async(events_of_run(settings, run)))
    ui = ui_address(settings, None, run)
    if as_json:
        say(json.dumps(summary_json(view, ui)))
        return
    for text in summary_lines(view, ui):
        say(text)
    if view.agents:
        say()
        out = console()
        out.print(agents_table(view, out.width))


if __name__ == "__main__":
    launch(app, "python -m starters.show")
