"""Watching a run: events as they come, on a terminal, as lines, or as JSON."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import typer
from rich.live import Live
from temporalio.client import Client
from temporalio.service import RPCError

from cadre.runtime.events import Event, follow, pending
from starters.console import say
from starters.find import Found
from starters.lines import line
from starters.screen import console, screen, thinkers
from starters.view import RunView

REFRESH_SECONDS = 0.25
TEXT_SECONDS = 0.5
# Each look at a text is a call to the server, so with many agents only some are shown.
TEXTS = 4

Show = Callable[[Event, RunView], None]


async def watch(client: Client, found: Found, *, show: Show | None = None) -> RunView:
    """Follow a run to its end; returns how it ended. Shows it on the terminal, or as lines where
    there is none, or as `show` does. Raises CadreError where the server stays away."""
    view = RunView(run=found.run, run_id=found.run_id, started=found.started)
    if show is None and sys.stdout.isatty():
        async with _live(client, view):
            await _apply(client, found, view, None)
    else:
        await _apply(client, found, view, show or print_line)
    return view


async def _apply(client: Client, found: Found, view: RunView, show: Show | None) -> None:
    async for event in follow(client, found.run, found.run_id):
        view.apply(event)
        if show is not None:
            show(event, view)


def print_line(event: Event, view: RunView) -> None:
    """An event as a line on standard output, at once."""
    text = line(event, view.started)
    if text is not None:
        say(text)


def print_line_to_stderr(event: Event, view: RunView) -> None:
    """An event as a line on standard error, where standard output is for a result as JSON."""
    text = line(event, view.started)
    if text is not None:
        typer.echo(text, err=True)


def print_json(event: Event, view: RunView) -> None:  # noqa: ARG001
    """An event as a line of JSON on standard output, at once."""
    say(event.model_dump_json())


@asynccontextmanager
async def _live(client: Client, view: RunView) -> AsyncIterator[None]:
    """Redraw the run in place for the time of the block; the last picture stays."""
    writing: dict[str, str] = {}

    def picture() -> object:
        seconds = view.seconds if view.end else time.time() - _epoch(view)
        return screen(view, seconds, {} if view.end else writing)

    with Live(
        get_renderable=picture,  # type: ignore[arg-type]
        console=console(),
        refresh_per_second=1 / REFRESH_SECONDS,
    ):
        task = asyncio.create_task(_read_texts(client, view, writing))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _epoch(view: RunView) -> float:
    return view.started.timestamp() if view.started else time.time()


async def _read_texts(client: Client, view: RunView, writing: dict[str, str]) -> None:
    """Keep `writing` at what the models write, for the agents that think."""
    while True:
        now: dict[str, str] = {}
        for agent_id in thinkers(view)[:TEXTS]:
            try:
                activities = await pending(client, f"{view.run}/{agent_id}")
            except RPCError:
                continue  # it has ended meanwhile, or the server is away: the events will tell
            for activity in activities:
                if activity.attempt > 1 and activity.why:
                    now[agent_id] = f"attempt {activity.attempt}, since {activity.why}"
                elif activity.text:
                    now[agent_id] = activity.text
        writing.clear()
        writing.update(now)
        await asyncio.sleep(TEXT_SECONDS)


def going_on(run: str) -> Callable[[], str]:
    """What to tell somebody who stops watching."""
    return lambda: f"the run goes on: `cadre watch {run}` follows it, `cadre cancel {run}` ends it"
