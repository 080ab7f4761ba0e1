"""What all commands share: how they are started, how they speak, and how they fail."""

from __future__ import annotations

import asyncio
import errno
import re
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import typer

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.processes import leave

T = TypeVar("T")
OK, NOT_APPROVED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
# Control characters, and the invisible ones that reorder text, could fake what a terminal shows.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def new_app(**options: Any) -> typer.Typer:
    """A Typer app with the settings that all of Cadre's commands share."""
    return typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **options
    )


def launch(app: typer.Typer, name: str) -> NoReturn:
    """Run a command line to its end and exit with its status: 2 for wrong input, in one line."""
    arguments = sys.argv[1:] or (["--help"] if _is_group(app) else [])
    leave(_status(app, name, arguments))


def _is_group(app: typer.Typer) -> bool:
    return app.registered_callback is not None


def _status(app: typer.Typer, name: str, arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        status = command(args=arguments, prog_name=name, standalone_mode=False)
    except typer.TyperException as error:
        complain(error.format_message())
        return WRONG_INPUT
    except CadreError as error:
        complain(error.message)
        return WRONG_INPUT if error.kind is ErrorKind.WRONG_INPUT else NOT_APPROVED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        complain(f"{error.filename or 'the output'} cannot be written: {error.strerror}")
        return NOT_APPROVED
    return status if isinstance(status, int) else OK


def run_async(work: Coroutine[Any, Any, T], interrupted: Callable[[], str] | None = None) -> T:
    """Run `work`, which talks to Temporal. Ctrl-C ends it, says what `interrupted` says, and exits
    with status 130."""
    from temporalio.runtime import Runtime, TelemetryConfig  # noqa: PLC0415
    from temporalio.service import RPCError  # noqa: PLC0415

    # Its own log lines would go to standard output, into the JSON and the live picture.
    silent = Runtime(telemetry=TelemetryConfig(logging=None))
    Runtime.set_default(silent, error_if_already_set=False)
    try:
        return asyncio.run(work)
    except RPCError as error:
        message = f"the Temporal server does not do that: {error.message}"
        raise CadreError(ErrorKind.WRONG_INPUT, message) from error
    except KeyboardInterrupt:
        if interrupted is not None:
            complain(interrupted())
        raise typer.Exit(INTERRUPTED) from None


def say(text: str = "") -> None:
    """A line for the user on standard output."""
    typer.echo(text)


def complain(text: str) -> None:
    """One line for the user on standard error."""
    typer.echo(f"cadre: {one_line(text)}", err=True)


def clean(text: str) -> str:
    """`text`, which may come from an agent, without what a terminal would obey."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str, limit: int | None = None) -> str:
    """`text` as one clean line of at most `limit` characters."""
    line = clean(" ".join(text.split()))
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"
