"""`cadre cost [RUN]`: what a run cost and why, or what all runs of a time did."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cadre.domain.errors import CadreError, ErrorKind
from starters.console import launch, new_app, run_async, say

app = new_app()
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
DEFAULT_SINCE = "30d"


@app.command()
def cost(
    run: Annotated[
        str | None, typer.Argument(help="The run's ID; without one, all runs.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help=f"Without a run: those begun since then, such as 24h, 7d, 4w or 2026-11-01 "
            f"[{DEFAULT_SINCE}].",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a run cost: by agent, phase, model and kind of token, beside what was estimated."""
    from cadre.runtime.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    if run is not None:
        if since is not None:
            raise CadreError(ErrorKind.WRONG_INPUT, "--since: it is for all runs, not for one")
        from starters.cost_of_run import cost_json, cost_of_run, print_cost  # noqa: PLC0415

        found = run_async(cost_of_run(settings, run))
        say(json.dumps(cost_json(found))) if as_json else print_cost(found)
        return
    from starters.cost_of_all import all_json, costs_since, print_all  # noqa: PLC0415

    begun = _time(since or DEFAULT_SINCE, datetime.now(UTC))
    rows = run_async(costs_since(settings, begun))
    say(json.dumps(all_json(rows, begun))) if as_json else print_all(rows, begun)


def _time(since: str, now: datetime) -> datetime:
    if match := re.fullmatch(r"([0-9]{1,5})([hdw])", since.strip()):
        return now - int(match[1]) * UNITS[match[2]]
    try:
        given = datetime.fromisoformat(since.strip())
    except ValueError:
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"--since {since}: give 24h, 7d, 4w or a date such as 2026-11-01"
        ) from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)


if __name__ == "__main__":
    launch(app, "python -m starters.cost")
