"""Sockets of the machine that count who reaches them."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

# An address of a documentation network: nothing is sent there, only the route is looked up.
FAR = ("192.0.2.1", 9)


class Listeners:
    """Listening sockets of every kind; `addresses` names them for attacks."""

    def __init__(self, directory: Path) -> None:
        system = Path("/run" if os.access("/run", os.W_OK) else "/var/tmp")
        self._paths = {
            "unix": directory / "stream.socket",
            "datagram": directory / "datagram.socket",
            "system": system / f"cadre-test-{uuid.uuid4().hex}.socket",
        }
        self.addresses = {name: str(path) for name, path in self._paths.items()}
        self.addresses["address"] = _own_address()
        self._sockets: dict[str, socket.socket] = {}

    def __enter__(self) -> Listeners:
        tcp = socket.create_server(("0.0.0.0", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("0.0.0.0", 0))
        self._sockets = {"tcp": tcp, "udp": udp}
        self.addresses["tcp6"] = self.addresses["tcp"] = str(tcp.getsockname()[1])
        if socket.has_ipv6:
            with contextlib.suppress(OSError):  # a machine whose loopback has no IPv6
                tcp6 = socket.create_server(("::1", 0), family=socket.AF_INET6)
                self._sockets["tcp6"] = tcp6
                self.addresses["tcp6"] = str(tcp6.getsockname()[1])
        self.addresses["udp"] = str(udp.getsockname()[1])
        for name, path in self._paths.items():
            kind = socket.SOCK_DGRAM if name == "datagram" else socket.SOCK_STREAM
            self._sockets[name] = _bound(str(path), kind)
            path.chmod(0o777)
        self._sockets["abstract"] = _bound("\0" + self.addresses["unix"], socket.SOCK_STREAM)
        for one in self._sockets.values():
            one.setblocking(False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self._sockets.values():
            one.close()
        for path in self._paths.values():
            path.unlink()

    def reached(self) -> list[str]:
        """The sockets that somebody reached since they were last asked."""
        return [name for name, one in self._sockets.items() if any(_arrivals(one))]


def _arrivals(listener: socket.socket) -> Iterator[bool]:
    with contextlib.suppress(BlockingIOError):
        while True:
            if listener.type == socket.SOCK_DGRAM:
                listener.recv(100)
            else:
                listener.accept()[0].close()
            yield True


def _bound(address: str, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(address)
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


def _own_address() -> str:
    """An address of this machine that is not the loopback's, where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(FAR)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
