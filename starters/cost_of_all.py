"""What the runs of a time cost: those that Temporal knows, and those that it has forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import NamedTuple

from rich.table import Table
from rich.text import Text
from temporalio.client import Client, WorkflowExecution

from cadre.domain.errors import CadreError
from cadre.domain.render import usd
from cadre.runtime.client import connect
from cadre.runtime.events.types import RunEnded, RunStarted
from cadre.runtime.settings import Settings
from cadre.storage.objects import Objects
from starters.console import clean, complain, one_line, say
from starters.find import recorded_events, status_words
from starters.screen import WIDE, console

LIMIT = 10_000


class Row(NamedTuple):
    """One run. What it cost is exact for a record, and to a hundredth of a cent for the others;
    of one that goes on, it is what it had cost when its phase began."""

    run: str
    pattern: str
    status: str
    repo: str
    started: datetime
    cost_usd: Decimal


async def costs_since(settings: Settings, since: datetime) -> list[Row]:
    """The runs that began since then, latest first; those that Temporal has forgotten come from
    their records. Without Temporal these are all, and a warning says so."""
    rows: dict[str, Row] = {}
    try:
        client = await connect(settings)
    except CadreError as error:
        complain(f"only runs that have ended are counted: {error.message}")
    else:
        rows = {row.run: row for row in await _known(client, since)}
    objects = Objects.open(settings.objects_url)
    for run in await objects.folders("runs"):
        if run not in rows and (row := await _recorded(settings, run)) and row.started >= since:
            rows[run] = row
    return sorted(rows.values(), key=lambda row: row.started, reverse=True)


async def _known(client: Client, since: datetime) -> list[Row]:
    begun = since.astimezone(UTC).isoformat(timespec="seconds")
    query = f"CadrePattern IS NOT NULL AND StartTime >= '{begun}'"
    return [_row(found) async for found in client.list_workflows(query, limit=LIMIT)]


def _row(found: WorkflowExecution) -> Row:
    attributes = {pair.key.name: pair.value for pair in found.typed_search_attributes}
    status = status_words(found.status) if found.status else ""
    if status in ("running", "completed", "cancelled"):
        status = attributes.get("CadreStatus", status)
    return Row(
        run=found.id,
        pattern=found.workflow_type,
        status=status,
        repo=attributes.get("CadreRepo", ""),
        started=found.start_time,
        cost_usd=Decimal(str(attributes.get("CadreCostUsd") or 0)),
    )


async def _recorded(settings: Settings, run: str) -> Row | None:
    events = await recorded_events(settings, run)
    begun = next((event for event in events or () if isinstance(event, RunStarted)), None)
    end = events[-1] if events else None
    if begun is None or not isinstance(end, RunEnded) or end.result is None:
        return None
    return Row(
        run=run,
        pattern=begun.pattern,
        status=end.result.status.value,
        repo=str(begun.input.get("repo", "")),
        started=begun.at.time,
        cost_usd=end.result.spent.cost_usd,
    )


def _sums(rows: Sequence[Row], what: Callable[[Row], str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[what(row)] = sums.get(what(row), Decimal(0)) + row.cost_usd
    return sums


def print_all(rows: Sequence[Row], since: datetime) -> None:
    """A table of the runs, and what they cost together."""
    if not rows:
        say(f"no runs since {since:%Y-%m-%d %H:%M}")
        return
    out = console()
    out.print(listed(rows, out.width))
    say()
    for pattern, cost in _sums(rows, lambda row: row.pattern).items():
        say(f"{clean(pattern):<12} {usd(cost)}")
    total = sum((row.cost_usd for row in rows), Decimal(0))
    say(f"{'total':<12} {usd(total)} for {len(rows)} runs since {since:%Y-%m-%d %H:%M}")


def listed(rows: Sequence[Row], width: int) -> Table:
    """The runs as a table for `width` columns."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("run", "pattern", "status", "repo", "started"):
        table.add_column(column, no_wrap=column == "run")
    table.add_column("cost", justify="right", no_wrap=True)
    for row in rows:
        repo, started = row.repo, f"{row.started:%Y-%m-%d %H:%M}"
        if width < WIDE:  # what tells the runs apart
            repo, started = PurePath(repo).name, f"{row.started:%m-%d %H:%M}"
        cells = (row.run, row.pattern, row.status, repo, started)
        table.add_row(*(Text(one_line(cell)) for cell in cells), usd(row.cost_usd))
    return table


def all_json(rows: Sequence[Row], since: datetime) -> dict[str, object]:
    """The same for a script; costs are strings."""
    by_pattern = _sums(rows, lambda row: row.pattern)
    by_repo = _sums(rows, lambda row: row.repo)
    return {
        "since": since.isoformat(),
        "cost_usd": str(sum((row.cost_usd for row in rows), Decimal(0))),
        "by_pattern": {name: str(cost) for name, cost in by_pattern.items()},
        "by_repo": {name: str(cost) for name, cost in by_repo.items()},
        "runs": [
            {
                **row._asdict(),
                "started": row.started.isoformat(),
                "cost_usd": str(row.cost_usd),
            }
            for row in rows
        ],
    }
