"""Ports of this machine, and who listens on them."""

from __future__ import annotations

import asyncio
import socket
import time

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.settings import Settings

HOST = "127.0.0.1"
# A server that was killed holds its ports for some milliseconds more.
RELEASE_SECONDS = 1.0


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether a server could listen on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


async def claim(settings: Settings) -> None:
    """Raise CadreError(WRONG_INPUT) where a port that `settings` name is taken, and not by a
    server that is ending."""
    deadline = time.monotonic() + RELEASE_SECONDS
    for name, port in (("port", settings.port), ("ui-port", settings.ui_port)):
        while not port_is_free(port):
            if time.monotonic() > deadline:
                raise CadreError(
                    ErrorKind.WRONG_INPUT, f"port {port} is taken: choose another with --{name}"
                )
            await asyncio.sleep(0.05)
