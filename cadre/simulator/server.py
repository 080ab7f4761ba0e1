"""Running the simulator: as a process of its own, or inside a test."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import uvicorn

from cadre.domain.errors import CadreError, ErrorKind
from cadre.simulator.app import Options, Service, make_app
from cadre.simulator.journal import Journal
from cadre.simulator.scenario import Scenario

_GRACE_SECONDS = 1


@dataclass(frozen=True)
class Simulator:
    """A simulator that is running: its address, and what it was asked."""

    base_url: str
    requests: Journal


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def running(
    scenario: Scenario, *, host: str = "127.0.0.1", port: int = 0, options: Options | None = None
) -> AsyncIterator[Simulator]:
    """Serve `scenario` in this event loop; port 0 takes a free one.

    Raises CadreError(WRONG_INPUT) where the address cannot be had.
    """
    listener = _listen(host, port)
    service = Service(scenario, options or Options())
    config = uvicorn.Config(
        make_app(service),
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    address = listener.getsockname()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Simulator(f"http://{host}:{address[1]}", service.journal)
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def serve(
    scenario: Scenario,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    options: Options | None = None,
    on_ready: Callable[[Simulator], None] | None = None,
) -> None:
    """Serve `scenario` until SIGTERM or SIGINT; `on_ready` is called once it listens."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with running(scenario, host=host, port=port, options=options) as simulator:
        if on_ready is not None:
            on_ready(simulator)
        await stopped.wait()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket: connections that come before the server is up wait in its queue."""
    # With the protocol named, asyncio turns Nagle's delay off: 40 ms less for each answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        message = f"the simulator cannot listen on {host}:{port}: {reason}; choose another --port"
        raise CadreError(ErrorKind.WRONG_INPUT, message) from error
    listener.listen(128)
    return listener
