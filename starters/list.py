"""`cadre list`: the runs, running ones first, then the latest."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from starters.console import launch, new_app, one_line, run_async, say

if TYPE_CHECKING:
    from rich.table import Table
    from temporalio.client import WorkflowExecution

app = new_app()
COLUMNS = ("run", "pattern", "status", "repo", "cost_usd", "started", "seconds")


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs, running ones first, then those that ended last."""
    rows = run_async(_rows(limit))
    if as_json:
        say(json.dumps(rows))
    elif rows:
        from starters.screen import console  # noqa: PLC0415

        out = console()
        out.print(listed(rows, out.width))
    else:
        say("no runs yet: `cadre demo` makes one")


async def _rows(limit: int) -> list[dict[str, object]]:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415

    client = await connect(load_settings())
    # One page, from the visibility index: no history is read, however many runs there are.
    query = "CadrePattern IS NOT NULL"
    found = client.list_workflows(query, limit=limit, page_size=min(limit, 1000))
    return [_row(execution) async for execution in found]


def _row(execution: WorkflowExecution) -> dict[str, object]:
    from datetime import UTC, datetime  # noqa: PLC0415

    from starters.find import status_words  # noqa: PLC0415

    attributes = {pair.key.name: pair.value for pair in execution.typed_search_attributes}
    status = status_words(execution.status) if execution.status else ""
    if status in ("running", "completed", "cancelled"):
        status = attributes.get("CadreStatus", status)  # says more than Temporal's own
    ended = execution.close_time or datetime.now(UTC)
    return {
        "run": execution.id,
        "pattern": execution.workflow_type,
        "status": status,
        "repo": attributes.get("CadreRepo", ""),
        "cost_usd": attributes.get("CadreCostUsd"),
        "started": execution.start_time.isoformat(timespec="seconds"),
        "seconds": round((ended - execution.start_time).total_seconds(), 1),
        "open": execution.close_time is None,
    }


def listed(rows: list[dict[str, object]], width: int) -> Table:
    """The runs as a table for `width` columns."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from starters.screen import WIDE  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in COLUMNS:
        table.add_column(column.removesuffix("_usd"), no_wrap=column == "run")
    for row in rows:
        cost = row["cost_usd"]
        shown = {**row, "cost_usd": "" if cost is None else f"${cost:.4f}", "seconds": _span(row)}
        if width < WIDE:  # what tells the runs apart, rather than the beginnings of all
            shown["repo"] = PurePath(str(row["repo"])).name
            shown["started"] = str(row["started"])[5:16].replace("T", " ")
        table.add_row(*(Text(one_line(str(shown[column]))) for column in COLUMNS))
    return table


def _span(row: dict[str, object]) -> str:
    return f"{row['seconds']}s{' …' if row['open'] else ''}"


if __name__ == "__main__":
    launch(app, "python -m starters.list")
