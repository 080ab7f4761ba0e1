"""Watching a run: events as they come, on a terminal, as lines, or as JSON."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import typer
from rich.live import Live
from temporalio.client import Client

from cadre.domain.runs import RunStatus
from cadre.runtime.events import Event, follow
from cadre.runtime.events.types import StatusChanged
from starters.console import say
from starters.find import Found
from starters.lines import line, told_line
from starters.screen import console, screen, thinkers
from starters.view import RunView
from starters.waits import RUN, at_work, waiting

REFRESH_SECONDS = 0.25
TEXT_SECONDS = 0.5
WAIT_SECONDS = 2.0

Show = Callable[[Event, RunView], None]
Answer = Callable[[], Awaitable[None]]
WAITING = RunStatus.WAITING.value


async def watch(
    client: Client, found: Found, *, show: Show | None = None, answer: Answer | None = None
) -> RunView:
    """Follow a run to its end; returns how it ended. Shows it on the terminal, or as lines where
    there is none, or as `show` does. On a terminal, `answer` asks the person there when the run
    waits for a decision. Raises CadreError where the server stays away."""
    view = RunView(run=found.run, run_id=found.run_id, started=found.started)
    if show is None and sys.stdout.isatty():
        now = _Now()
        with _live(view, now) as live:

            async def ask(event: Event, _: RunView) -> None:
                if answer and isinstance(event, StatusChanged) and event.status == WAITING:
                    live.stop()
                    await answer()
                    live.start()

            async with _beside(_look(client, view, now)):
                await _apply(client, found, view, None, ask)
    elif show is print_json:
        await _apply(client, found, view, show)
    else:
        out = say_to_stderr if show is print_line_to_stderr else say
        async with _beside(_tell_waits(client, view, out)):
            await _apply(client, found, view, show or print_line)
    return view


async def _apply(
    client: Client,
    found: Found,
    view: RunView,
    show: Show | None,
    then: Callable[[Event, RunView], Awaitable[None]] | None = None,
) -> None:
    async for event in follow(client, found.run, found.run_id):
        view.apply(event)
        if show is not None:
            show(event, view)
        if then is not None:
            await then(event, view)


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


def print_json(event: Event, view: RunView) -> None:  # noqa: ARG001
    """An event as a line of JSON on standard output, at once."""
    say(event.model_dump_json())


@dataclass
class _Now:
    """What agents write right now, and what failed and is about to be tried again."""

    writing: dict[str, str] = field(default_factory=dict)
    waits: list[str] = field(default_factory=list)


def _live(view: RunView, now: _Now) -> Live:
    """The run, redrawn in place; the last picture stays."""

    def picture() -> object:
        if view.end:
            return screen(view, view.seconds, {})
        return screen(view, time.time() - _epoch(view), now.writing, now.waits)

    return Live(
        get_renderable=picture,  # type: ignore[arg-type]
        console=console(),
        refresh_per_second=1 / REFRESH_SECONDS,
    )


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do endless work for the time of the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _epoch(view: RunView) -> float:
    return view.started.timestamp() if view.started else time.time()


async def _look(client: Client, view: RunView, now: _Now) -> None:
    """Keep `now` up to date."""
    while True:
        writing: dict[str, str] = {}
        waits: list[str] = []
        async for who, activity in at_work(client, view):
            if words := waiting(activity, datetime.now(UTC)):
                waits.append(f"{who} {words}")
            elif activity.text and who in thinkers(view):
                writing[who] = activity.text
        now.writing, now.waits = writing, waits
        await asyncio.sleep(TEXT_SECONDS)


async def _tell_waits(client: Client, view: RunView, out: Callable[[str], None]) -> None:
    """A line for each attempt that somebody waits for; only when it has ended there is an event."""
    told: dict[tuple[str, str], int] = {}
    while True:
        async for who, activity in at_work(client, view):
            now = datetime.now(UTC)
            waits = waiting(activity, now)
            if waits and told.get((who, activity.id)) != activity.attempt:
                told[who, activity.id] = activity.attempt
                turn = "" if who == RUN else f"turn {view.agents[who].turn}"
                out(told_line(now, view.started, who, turn, waits))
        await asyncio.sleep(WAIT_SECONDS)


def going_on(run: str) -> Callable[[], str]:
    """What to tell somebody who stops watching."""
    return lambda: f"the run goes on: `cadre watch {run}` follows it, `cadre cancel {run}` ends it"
