"""`cadre doctor`: what is fine on this machine, what is not, and what to do."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from pydantic import RootModel

from starters.machine_checks import machine_checks, sandbox
from starters.outcome import Check, State

STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


class _Checks(RootModel[list[Check]]):
    """The checks as JSON."""


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    worker: Annotated[
        bool,
        typer.Option(
            "--worker", help="Only look whether a worker of this host polls; 1 where none does."
        ),
    ] = False,
) -> None:
    """Say what is fine on this machine, what is not, what to do; status 1 where something fails."""
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.service_checks import host_worker, service_checks  # noqa: PLC0415

    settings = load_settings()
    if worker:
        checks = [asyncio.run(host_worker(settings))]
    else:
        checks = [*machine_checks(settings), *asyncio.run(service_checks(settings))]
        checks.append(sandbox(settings))
    if json:
        typer.echo(_Checks(checks).model_dump_json(indent=1))
    else:
        _show(checks)
    if any(check.state is State.FAIL for check in checks):
        raise typer.Exit(1)


def _show(checks: list[Check]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, show_header=False, pad_edge=False)
    for check in checks:
        text = f"{check.found}\n→ {check.advice}" if check.advice else check.found
        state = f"[{STYLES[check.state]}]{check.state.value}[/]"
        table.add_row(state, check.name, text)
    Console().print(table)
