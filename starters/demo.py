"""`cadre demo`: the main job, on a sample repository with a real bug."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cadre.domain.errors import CadreError, ErrorKind
from starters.console import complain, launch, new_app, run_async, say

if TYPE_CHECKING:
    from cadre.runtime.record import RunningServices
    from cadre.runtime.settings import Settings
    from starters.sample_run import SampleRun
    from starters.view import RunView
    from workers.processes import Simulation

app = new_app()
Tell = Callable[[str], None]
CRASH_SCENARIO = "cadre.simulator.crash:scenario"


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
    crash: Annotated[
        bool,
        typer.Option(
            "--crash",
            help="Kill the worker in the middle of an edit, and compare the result with that of "
            "an undisturbed run. The simulator answers.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON; progress goes to stderr.")
    ] = False,
) -> int:
    """Scout, plan, build and review a fix in a sample repository. Without a key for Claude, the
    simulator answers. Exit status 0 only if the review approves and the check passes."""
    return run_async(
        _demo(
            _simulation(simulate=simulate, latency=latency, crash=crash),
            keep=keep,
            as_json=as_json,
        ),
        lambda: "the demo is interrupted; its run goes on when `cadre up` runs",
    )


async def _demo(simulation: Simulation | None, *, keep: bool, as_json: bool) -> int:
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from workers.shared import services  # noqa: PLC0415

    # One process is enough for one run, starts in half the time, and --crash knows whom to kill.
    settings = load_settings(processes=1)
    tell = complain if as_json else say
    began = time.monotonic()
    async with services(settings, simulation=simulation) as running:
        seconds = {"services": time.monotonic() - began}
        if simulation is not None and simulation.scenario == CRASH_SCENARIO:
            status = await _crash(settings, running, tell, as_json=as_json)
        else:
            status = await _once(settings, running, seconds, tell, as_json=as_json)
        if keep:
            await _keep(tell)
    return status


async def _crash(settings: Settings, running: RunningServices, tell: Tell, *, as_json: bool) -> int:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.logs import configure_logging  # noqa: PLC0415
    from starters.crash import crash, require_own  # noqa: PLC0415

    require_own(settings, running)
    configure_logging(settings.log_level)  # to standard error, where the supervisor tells of it
    tell(f"models   {running.models}, sandbox: {running.sandbox}")
    return await crash(settings, await connect(settings), as_json=as_json)


async def _once(
    settings: Settings,
    running: RunningServices,
    seconds: dict[str, float],
    tell: Tell,
    *,
    as_json: bool,
) -> int:
    from starters.summary import exit_status, summary_json, summary_lines  # noqa: PLC0415

    _plays_the_demo(settings, running)
    tell(f"models   {running.models}, sandbox: {running.sandbox}")
    view, run = await _run(settings, seconds, as_json=as_json)
    if as_json:
        say(json.dumps({**summary_json(view, run.ui), "demo_seconds": seconds}))
    else:
        for text in [*summary_lines(view, run.ui), *_timing(seconds, view)]:
            say(text)
    return exit_status(view.end.result if view.end else None)


def _simulation(*, simulate: bool, latency: float | None, crash: bool) -> Simulation | None:
    from cadre.llm.client import credentials_found  # noqa: PLC0415
    from workers.processes import Simulation  # noqa: PLC0415

    if crash:
        return Simulation(latency=latency, scenario=CRASH_SCENARIO)
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
) -> tuple[RunView, SampleRun]:
    """The run on a fresh sample; adds up `seconds` by part."""
    from cadre.runtime.client import connect  # noqa: PLC0415
    from starters import progress  # noqa: PLC0415
    from starters.sample_run import begin_on_sample  # noqa: PLC0415

    began = time.monotonic()
    client = await connect(settings)
    run = await begin_on_sample(settings, client, complain if as_json else say)
    seconds["sample"] = time.monotonic() - began
    show = progress.print_line_to_stderr if as_json else None
    view = await progress.watch(client, run.found, show=show)
    seconds["run"] = view.seconds
    seconds["all"] = sum(seconds.values())
    return view, run


def _timing(seconds: dict[str, float], view: RunView) -> Iterator[str]:
    parts = ", ".join(f"{part} {value:.1f}s" for part, value in seconds.items() if part != "all")
    yield f"parts    {parts}"
    branch = view.end.result.delivery if view.end and view.end.result else None
    if branch is not None:
        yield f"look     git -C {view.input['repo']} show {branch.branch}"


async def _keep(tell: Tell) -> None:
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
