"""`cadre demo`: the main job, on a sample repository with a real bug."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cadre.domain.errors import CadreError, ErrorKind
from starters.console import complain, launch, new_app, run_async, say

if TYPE_CHECKING:
    from cadre.runtime.record import RunningServices
    from cadre.runtime.settings import Settings
    from starters.view import RunView
    from workers.processes import Simulation

app = new_app()
PATTERN = "pipeline"


@app.command()
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the services up until Ctrl-C, to look around.")
    ] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Answer by the simulator even if there is a key.")
    ] = False,
    latency: Annotated[
        float | None, typer.Option(min=0, help="Seconds that each simulated answer takes.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON; progress goes to stderr.")
    ] = False,
) -> int:
    """Scout, plan, build and review a fix in a sample repository. Without a key for Claude, the
    simulator answers. Exit status 0 only if the review approves and the check passes."""
    return run_async(
        _demo(simulate=simulate, latency=latency, keep=keep, as_json=as_json),
        lambda: "the demo is interrupted; its run goes on when `cadre up` runs",
    )


async def _demo(*, simulate: bool, latency: float | None, keep: bool, as_json: bool) -> int:
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.summary import exit_status, summary_json, summary_lines  # noqa: PLC0415
    from workers.shared import services  # noqa: PLC0415

    settings = load_settings()
    simulation = _simulation(simulate=simulate, latency=latency)
    tell = complain if as_json else say
    began = time.monotonic()
    async with services(settings, simulation=simulation) as running:
        seconds = {"services": time.monotonic() - began}
        _plays_the_demo(settings, running)
        tell(f"models   {running.models}, sandbox: {running.sandbox}")
        view, ui = await _run(settings, seconds, as_json=as_json)
        if as_json:
            say(json.dumps({**summary_json(view, ui), "demo_seconds": seconds}))
        else:
            for text in [*summary_lines(view, ui), *_timing(seconds, view)]:
                say(text)
        if keep:
            await _keep(tell)
    return exit_status(view.end.result if view.end else None)


def _simulation(*, simulate: bool, latency: float | None) -> Simulation | None:
    from cadre.llm.client import credentials_found  # noqa: PLC0415
    from workers.processes import Simulation  # noqa: PLC0415

    if not simulate and credentials_found() is not None:
        return None
    return Simulation(latency=latency)


def _plays_the_demo(settings: Settings, running: RunningServices) -> None:
    if running.scenario is not None:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"the services on {settings.state_dir} play the scenario {running.scenario}, which "
            "does not know the demo: end them, or set CADRE_STATE_DIR",
        )


async def _run(
    settings: Settings, seconds: dict[str, float], *, as_json: bool
) -> tuple[RunView, str | None]:
    """The run on a fresh sample, and its place in the UI; adds up `seconds` by part."""
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.simulator.sample import SAMPLE_CHECK, SAMPLE_TASK, make_sample  # noqa: PLC0415
    from starters import begin, find, progress  # noqa: PLC0415
    from starters.patterns import pattern_named  # noqa: PLC0415

    pattern, began = pattern_named(PATTERN), time.monotonic()
    run = begin.new_id("demo")
    sample = settings.state_dir / "samples" / run
    await asyncio.to_thread(make_sample, sample)
    given = {"run": run, "task": SAMPLE_TASK, "repo": str(sample), "check": SAMPLE_CHECK}
    request = begin.checked(pattern, given)
    seconds["sample"] = time.monotonic() - began
    client = await connect(settings)
    begun = await begin.begin(client, settings, pattern, request)
    ui = find.ui_address(settings, client, run)
    (complain if as_json else say)(f"sample   {sample}")
    show = progress.print_line_to_stderr if as_json else None
    view = await progress.watch(client, begun.run, show=show)
    seconds["run"] = view.seconds
    seconds["all"] = sum(seconds.values())
    return view, ui


def _timing(seconds: dict[str, float], view: RunView) -> Iterator[str]:
    parts = ", ".join(f"{part} {value:.1f}s" for part, value in seconds.items() if part != "all")
    yield f"parts    {parts}"
    branch = view.end.result.delivery if view.end and view.end.result else None
    if branch is not None:
        yield f"look     git -C {view.input['repo']} show {branch.branch}"


async def _keep(tell: Any) -> None:
    """Wait for Ctrl-C, which ends the services in order and is no failure."""
    tell("The services stay up. Ctrl-C ends them.")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()


if __name__ == "__main__":
    launch(app, "python -m starters.demo")
