"""How the simulator and a worker are started as processes of their own."""

from __future__ import annotations

import os
from asyncio.subprocess import Process
from pathlib import Path

from pydantic import ValidationError

from cadre.domain.base import Value
from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.locks import make_state_dir
from cadre.runtime.ports import HOST
from cadre.runtime.processes import (
    end,
    first_line,
    fresh_log,
    last_line,
    plain_environment,
    python_module,
    python_path,
    spawn,
)
from cadre.runtime.settings import Settings
from workers.announcement import Announcement, Ready

START_SECONDS = 60.0
SIMULATED_KEY = "simulated-key"


class Simulation(Value):
    """Answers by a scenario instead of a model: `module:attribute` or `file.py[:attribute]`, the
    demo's by default. `latency` is in seconds, `faults` a plan of faults as JSON or a JSON file."""

    scenario: str | None = None
    latency: float | None = None
    faults: str | None = None


async def start_simulator(settings: Settings, simulation: Simulation, port: int) -> Process:
    """Start the simulated Messages API on `port` and wait until it listens."""
    log = fresh_log(make_state_dir(settings) / "simulator.log")
    options = ["--host", HOST, "--port", str(port)]
    if simulation.scenario is not None:
        options += ["--scenario", simulation.scenario]
    if simulation.latency is not None:
        options += ["--latency", str(simulation.latency)]
    if simulation.faults is not None:
        options += ["--faults", simulation.faults]
    command = python_module("cadre.simulator", *options)
    process = await spawn(command, plain_environment() | python_path(), log=log, pipe=True)
    try:
        if await first_line(process, START_SECONDS):
            return process
    except BaseException:
        await end(process, 0)
        raise
    await end(process, 0)
    raise CadreError(ErrorKind.WRONG_INPUT, f"the simulator does not start: {last_line(log)}")


async def start_worker(
    settings: Settings, simulator_url: str | None, log: Path | None
) -> tuple[Process, Ready]:
    """Start a worker and wait until it polls.

    Raises CadreError with the worker's own line where it refuses to start.
    """
    environment = _worker_environment(settings, simulator_url)
    process = await spawn(python_module("workers.process"), environment, log=log, pipe=True)
    try:
        line = await first_line(process, START_SECONDS)
        announcement = Announcement.model_validate_json(line)
    except ValidationError:
        await end(process, 0)
        why = "it tells why above" if log is None else last_line(log)
        raise CadreError(ErrorKind.WRONG_INPUT, f"the worker does not start: {why}") from None
    except BaseException:
        await end(process, 0)
        raise
    if announcement.ready is None:
        await end(process, 0)
        refused = announcement.refused
        assert refused is not None  # noqa: S101 (one of the two is said)
        raise CadreError(refused.kind, refused.message)
    return process, announcement.ready


def _worker_environment(settings: Settings, simulator_url: str | None) -> dict[str, str]:
    environment = dict(os.environ) | settings.as_environment() | python_path()
    if simulator_url is None:
        return environment
    kept = {n: v for n, v in environment.items() if not n.startswith("ANTHROPIC_")}
    past = ",".join(filter(None, (environment.get("NO_PROXY", environment.get("no_proxy")), HOST)))
    return kept | {
        "ANTHROPIC_BASE_URL": simulator_url,
        "ANTHROPIC_API_KEY": SIMULATED_KEY,
        # A proxy of the user's would look for the simulator on its own machine.
        "NO_PROXY": past,
        "no_proxy": past,
    }
