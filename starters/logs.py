"""`cadre logs RUN`: what happened, from the histories, later from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cadre.domain.errors import CadreError, ErrorKind
from starters.console import launch, new_app, run_async

if TYPE_CHECKING:
    from cadre.runtime.events import Event
    from cadre.runtime.settings import Settings

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
    full: Annotated[
        bool,
        typer.Option("--full", help="Add the whole texts, tool inputs, results and outputs."),
    ] = False,
) -> None:
    """Print what happened in a run until now, one line for each event."""
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.view import RunView  # noqa: PLC0415

    settings = load_settings()
    events = _events(settings, run)
    view = RunView.of(events)
    if agent is not None and agent not in view.agents:
        known = ", ".join(view.agents) or "none yet"
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"run {run} has no agent {agent!r}: there is {known}"
        )
    run_async(_print(settings, events, agent, as_json=as_json, full=full))


def _events(settings: Settings, run: str) -> list[Event]:
    from starters.find import events_of_run  # noqa: PLC0415

    return run_async(events_of_run(settings, run))


async def _print(
    settings: Settings, events: list[Event], agent: str | None, *, as_json: bool, full: bool
) -> None:
    """Print the events, those of an agent alone where it is given."""
    from cadre.storage.objects import Objects  # noqa: PLC0415
    from starters.logs_full import Store, print_full, print_full_json  # noqa: PLC0415
    from starters.progress import print_json, print_line  # noqa: PLC0415
    from starters.view import RunView  # noqa: PLC0415

    store = Store(Objects.open(settings.objects_url)) if full else None
    so_far = RunView(started=RunView.of(events).started)
    for event in events:
        so_far.apply(event)
        if agent is not None and not f"{event.at.agent_id}/".startswith(f"{agent}/"):
            continue
        if store is None:
            (print_json if as_json else print_line)(event, so_far)
        else:
            whole = await store.whole(event)
            (print_full_json if as_json else print_full)(event, so_far, whole)


if __name__ == "__main__":
    launch(app, "python -m starters.logs")
