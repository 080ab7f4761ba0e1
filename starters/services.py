"""Commands that run Cadre's services in the foreground, and `doctor`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cadre.domain.errors import CadreError, ErrorKind
from starters.doctor import doctor
from starters.offers import check_included

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from cadre.runtime.record import RunningServices
    from cadre.runtime.settings import Settings
    from workers.announcement import Ready
    from workers.processes import Simulation

__all__ = ["doctor", "server", "up", "worker"]

# The UI's list without the agents' workflows, which have no search attributes of ours.
RUNS_PAGE = "/namespaces/default/workflows?query=CadrePattern+IS+NOT+NULL"

Port = Annotated[int | None, typer.Option(help="Port of the embedded server [7233].")]
UiPort = Annotated[int | None, typer.Option(help="Port of its web UI [8233].")]
StateDir = Annotated[Path | None, typer.Option(help="Directory of database, workspaces, store.")]
Processes = Annotated[
    int | None, typer.Option(help="Processes of the worker [the processors that it may use].")
]


Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODULE",
        help="Module that offers patterns, tools or agents of your own; several times [none].",
    ),
]


def up(
    *,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Answer by the simulator; no key is needed.")
    ] = False,
    scenario: Annotated[
        str | None,
        typer.Option(help="What the simulator plays: FILE.py[:ATTR] or MODULE:ATTR [the demo's]."),
    ] = None,
    latency: Annotated[
        float | None, typer.Option(min=0, help="Seconds that each simulated answer takes.")
    ] = None,
    processes: Processes = None,
    include: Include = None,
    port: Port = None,
    ui_port: UiPort = None,
    state_dir: StateDir = None,
) -> None:
    """Run the server and a worker until Ctrl-C; what dies is started again."""
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from workers.processes import Simulation  # noqa: PLC0415

    settings = load_settings(
        port=port,
        ui_port=ui_port,
        state_dir=state_dir,
        processes=processes,
        include=include or None,
    )
    check_included(settings)  # what is wrong with them is said before anything starts
    simulated = simulate or scenario is not None or latency is not None
    simulation = Simulation(scenario=scenario, latency=latency) if simulated else None
    asyncio.run(_supervise(settings, simulation, worker=True))


def server(port: Port = None, ui_port: UiPort = None, state_dir: StateDir = None) -> None:
    """Run the embedded Temporal server alone until Ctrl-C."""
    from cadre.runtime.client import external_service  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415

    if external_service():
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            "TEMPORAL_ADDRESS or TEMPORAL_PROFILE names a Temporal service: unset it to run one",
        )
    settings = load_settings(port=port, ui_port=ui_port, state_dir=state_dir)
    asyncio.run(_supervise(settings, None, worker=False))


def worker(
    processes: Processes = None, include: Include = None, state_dir: StateDir = None
) -> None:
    """Run a worker alone until Ctrl-C. Of several processes, one that dies is started again."""
    from cadre.runtime.logs import configure_logging  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from workers.shares import process_count, share_of  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir, processes=processes, include=include or None)
    check_included(settings)
    configure_logging(settings.log_level)
    count = process_count(settings)
    if count == 1:  # needs nobody beside it
        from workers.worker import run_worker  # noqa: PLC0415

        asyncio.run(run_worker(share_of(settings, 1, 1), announce=_worker_is_ready))
    else:
        asyncio.run(_keep_workers(settings, count))


async def _keep_workers(settings: Settings, count: int) -> None:
    from workers.group import WorkerGroup  # noqa: PLC0415
    from workers.processes import start_worker  # noqa: PLC0415

    def start(share: Settings) -> Coroutine[Any, Any, tuple[Process, Ready]]:
        return start_worker(share, simulator_url=None, log=None)

    group = WorkerGroup(settings, count, start, changed=lambda: None)
    _cancel_on_signal()
    with suppress(asyncio.CancelledError):
        try:
            await group.start()
            assert group.ready is not None  # noqa: S101 (they have started)
            _worker_is_ready(group.ready, group.pids)
            await asyncio.Event().wait()
        finally:
            await group.stop()


async def _supervise(settings: Settings, simulation: Simulation | None, *, worker: bool) -> None:
    from cadre.runtime.logs import configure_logging  # noqa: PLC0415
    from workers.supervisor import supervised  # noqa: PLC0415

    configure_logging(settings.log_level)
    _cancel_on_signal()
    with suppress(asyncio.CancelledError):
        async with supervised(settings, simulation=simulation, worker=worker) as supervisor:
            _show(settings, supervisor.services)
            await asyncio.Event().wait()
    typer.echo("All services have ended.")


def _cancel_on_signal() -> None:
    """Let the first SIGINT or SIGTERM cancel the current task; the next one ends us at once, and
    with us, by the kernel's hand, every child."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def cancel() -> None:
        for number in signals:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        assert task is not None  # noqa: S101 (set in a coroutine)
        task.cancel()

    for number in signals:
        loop.add_signal_handler(number, cancel)


def _show(settings: Settings, services: RunningServices) -> None:
    lines = {
        "Temporal": services.address
        or "the service that TEMPORAL_ADDRESS or TEMPORAL_PROFILE names",
        "Web UI": services.ui_url,
        "Runs": services.ui_url and f"{services.ui_url}{RUNS_PAGE}",
        "Worker": _processes(services.worker_pids),
        "Models": services.models,
        "Sandbox": services.sandbox,
        "State": settings.state_dir,
    }
    for name, value in lines.items():
        if value is not None:
            typer.echo(f"{name:<9} {value}")
    typer.echo("Ctrl-C ends it all.")


def _processes(pids: Sequence[int]) -> str | None:
    if not pids:
        return None
    listed = ", ".join(map(str, pids))
    return f"process {listed}" if len(pids) == 1 else f"{len(pids)} processes: {listed}"


def _worker_is_ready(ready: Ready, pids: Sequence[int] = ()) -> None:
    whole = f", {_processes(pids)}" if pids else ""
    typer.echo(
        f"The worker polls the task queue {ready.task_queue} at {ready.address} "
        f"(sandbox: {ready.sandbox}, models: {ready.models}{whole}). Ctrl-C ends it."
    )
