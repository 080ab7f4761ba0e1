"""`cadre logs RUN`: what happened, from the histories, later from the record."""

from __future__ import annotations

from typing import Annotated

import typer

from cadre.domain.errors import CadreError, ErrorKind
from starters.console import launch, new_app, run_async

app = new_app()


@app.command()
def logs(
    run: Annotated[str, typer.Argument(help="The run's ID.", show_default=False)],
    agent: Annotated[
        str | None,
        typer.Option("--agent", help="Only this agent, such as builder.1, and its sub-agents."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as a line of JSON.")
    ] = False,
) -> None:
    """Print what happened in a run until now, one line for each event."""
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.find import events_of_run  # noqa: PLC0415
    from starters.progress import print_json, print_line  # noqa: PLC0415
    from starters.view import RunView  # noqa: PLC0415

    events = run_async(events_of_run(load_settings(), run))
    view = RunView.of(events)
    if agent is not None and agent not in view.agents:
        known = ", ".join(view.agents) or "none yet"
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"run {run} has no agent {agent!r}: there is {known}"
        )
    so_far = RunView(started=view.started)
    for event in events:
        so_far.apply(event)
        if agent is None or f"{event.at.agent_id}/".startswith(f"{agent}/"):
            (print_json if as_json else print_line)(event, so_far)


if __name__ == "__main__":
    launch(app, "python -m starters.logs")
