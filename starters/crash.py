"""`cadre demo --crash`: a worker is killed in the middle of an edit, and the result does not show
it. The demo runs twice, with the kill and without, and both must come to the same files."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from temporalio.client import Client

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.outcomes import RunStatus
from cadre.runtime.record import RunningServices, read_services
from cadre.runtime.settings import Settings
from cadre.simulator.crash import EDITED
from starters import progress
from starters.console import NOT_APPROVED, OK, say
from starters.sample_run import SampleRun, begin_on_sample, delivered_tree
from starters.summary import summary_json
from starters.view import RunView
from workflows.gateway import HEARTBEAT

POLL_SECONDS = 0.02

Tell = Callable[[str], None]


class Killed(NamedTuple):
    """A worker that was killed, and the one that stood ready `seconds` later."""

    pid: int
    successor: int
    seconds: float


class Ended(NamedTuple):
    """A run that has ended, and the ID of the git tree that it delivered."""

    run: SampleRun
    view: RunView
    tree: str | None


def require_own(settings: Settings, running: RunningServices) -> None:
    """Raise CadreError where a kill would hit somebody else's services."""
    if running.supervisor_pid == os.getpid() and running.address is not None:
        return
    others = (
        f"those that process {running.supervisor_pid} runs on {settings.state_dir}: end them, or "
        "set CADRE_STATE_DIR"
        if running.address is not None
        else "a Temporal service of somebody else's: unset TEMPORAL_ADDRESS and TEMPORAL_PROFILE"
    )
    raise CadreError(
        ErrorKind.WRONG_INPUT,
        f"--crash kills a worker, so it needs services of its own, not {others}",
    )


async def crash(settings: Settings, client: Client, *, as_json: bool) -> int:
    """Run the demo with a kill and without. The exit status is 0 where both are approved and
    deliver the same tree."""
    show = progress.print_line_to_stderr if as_json else progress.print_line
    tell = progress.say_to_stderr if as_json else say

    async def watched(run: SampleRun) -> Ended:
        view = await progress.watch(client, run.found, show=show)
        return Ended(run, view, delivered_tree(view, run.repo))

    tell("crash    a run whose worker will be killed")
    run = await begin_on_sample(settings, client, tell)
    killing = asyncio.create_task(_kill_in_edit(settings, run, tell))
    crashed = await watched(run)
    killed = killing.result() if killing.done() else None
    killing.cancel()
    tell("calm     the same run, and nothing happens to it")
    calm = await watched(await begin_on_sample(settings, client, tell))

    if as_json:
        say(json.dumps(_as_json(killed, crashed, calm)))
    else:
        for line in _lines(killed, crashed, calm):
            say(line)
    return OK if killed and _approved(crashed, calm) and _same(crashed, calm) else NOT_APPROVED


async def _kill_in_edit(settings: Settings, run: SampleRun, tell: Tell) -> Killed:
    """Kill the worker once the builder has written half of its file; returns when its successor,
    which the supervisor starts, stands ready."""
    whole = len((run.repo / EDITED).read_text().splitlines())
    written = 0
    while not whole / 2 <= written < whole:
        await asyncio.sleep(POLL_SECONDS)
        written = _written(settings, run, whole)
    pid = _worker(settings)
    assert pid is not None  # noqa: S101 (somebody is writing)
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    tell(
        f"kill     SIGKILL to the worker, process {pid}, in the middle of an edit: "
        f"{written} of {whole} lines of {EDITED} are written"
    )
    successor = await _other_worker(settings, pid)
    seconds, patience = time.monotonic() - began, HEARTBEAT.total_seconds()
    tell(
        f"restart  after {seconds:.1f}s another worker stands ready, process {successor}; the edit "
        f"begins again when it has given no sign of life for {patience:g}s"
    )
    return Killed(pid, successor, round(seconds, 3))


def _written(settings: Settings, run: SampleRun, whole: int) -> int:
    """How many lines of the edited file stand in the workspace where fewer than `whole` do."""
    found = 0
    for path in (settings.state_dir / "runs" / run.found.run).glob(f"*/tree.*/{EDITED}"):
        with suppress(FileNotFoundError):
            lines = path.read_text().count("\n")
            found = max(found, lines if lines < whole else 0)
    return found


async def _other_worker(settings: Settings, killed: int) -> int:
    while True:
        pid = _worker(settings)
        if pid not in (None, killed):
            return pid
        await asyncio.sleep(POLL_SECONDS)


def _worker(settings: Settings) -> int | None:
    services = read_services(settings)
    return services.worker_pids[0] if services and services.worker_pids else None


def _approved(*ended: Ended) -> bool:
    return all(one.view.status == RunStatus.APPROVED.value for one in ended)


def _same(crashed: Ended, calm: Ended) -> bool:
    return crashed.tree is not None and crashed.tree == calm.tree


def _lines(killed: Killed | None, crashed: Ended, calm: Ended) -> list[str]:
    lines = [] if killed else ["killed   nothing: the run ended before there was an edit"]
    for name, one in (("crashed", crashed), ("calm", calm)):
        lines.append(
            f"{name:<8} {one.view.status} in {one.view.seconds:.1f}s, tree {one.tree}"
            + (f", {one.run.ui}" if one.run.ui else "")
        )
    same = "the same tree: the kill left no trace" if _same(crashed, calm) else "the trees DIFFER"
    look = f"git -C {crashed.run.repo} show cadre/{crashed.run.found.run}"
    return [*lines, f"result   {same}", f"look     {look}"]


def _as_json(killed: Killed | None, crashed: Ended, calm: Ended) -> dict[str, object]:
    runs = {
        name: summary_json(one.view, one.run.ui) | {"tree": one.tree}
        for name, one in (("crashed", crashed), ("undisturbed", calm))
    }
    return {"killed": killed and killed._asdict(), **runs, "same_tree": _same(crashed, calm)}
