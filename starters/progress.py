"""Watching a run: events as they come, on a terminal, as lines, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import typer
from rich.live import Live
from temporalio.client import Client

from cadre.runtime.events import Cursor, Event, follow
from cadre.runtime.events.types import WaitingChanged
from starters.console import say
from starters.find import Found
from starters.lines import line, told_json
from starters.screen import console, screen
from starters.view import RunView

REFRESH_SECONDS = 1.0

Show = Callable[[Event, RunView], None]
Answer = Callable[[str], Awaitable[None]]


async def watch(
    client: Client,
    found: Found,
    *,
    show: Show | None = None,
    answer: Answer | None = None,
    after: Cursor | None = None,
) -> RunView:
    """Follow a run to its end; returns how it ended. Shows it on the terminal, or as lines where
    there is none, or as `show` does; lines start after the place `after`. On a terminal,
    `answer` asks the person there what a workflow of the run waits for, when it does. Raises
    CadreError where the server stays away."""
    view = RunView(run=found.run, run_id=found.run_id, started=found.started)
    if show is None and sys.stdout.isatty():
        await _draw(client, found, view, answer)
        return view
    seen = after or Cursor()
    async for event in follow(client, found.run, found.run_id, live=True):
        view.apply(event)
        if seen.advance(event):
            (show or print_line)(event, view)
    return view


async def _draw(client: Client, found: Found, view: RunView, answer: Answer | None) -> None:
    live = _live(view)
    live.start()
    try:
        async for event in follow(client, found.run, found.run_id, live=True):
            view.apply(event)
            if answer and isinstance(event, WaitingChanged) and event.what:
                live.stop()
                await answer(event.at.workflow)
                # A new one: the old one would draw over the question and what was said to it.
                live = _live(view)
                live.start()
    finally:
        live.stop()


def print_line(event: Event, view: RunView) -> None:
    """An event as a line on standard output, at once."""
    text = line(event, view.started)
    if text is not None:
        say(text)


def print_line_to_stderr(event: Event, view: RunView) -> None:
    """An event as a line on standard error, where standard output is for a result as JSON."""
    text = line(event, view.started)
    if text is not None:
        say_to_stderr(text)


def say_to_stderr(text: str) -> None:
    """A line on standard error."""
    typer.echo(text, err=True)


def print_json(event: Event, view: RunView) -> None:
    """An event as a line of JSON on standard output, at once, with the place after it from which
    to go on."""
    say(json.dumps(told_json(event, view)))


def _live(view: RunView) -> Live:
    """The run, redrawn in place; the last picture stays."""
    out = console()
    return Live(
        get_renderable=lambda: screen(view, datetime.now(UTC), out.height, out.width),
        console=out,
        refresh_per_second=1 / REFRESH_SECONDS,
    )


def going_on(run: str) -> Callable[[], str]:
    """What to tell somebody who stops watching."""
    return lambda: f"the run goes on: `cadre watch {run}` follows it, `cadre cancel {run}` ends it"
