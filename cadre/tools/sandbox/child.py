"""A launcher as a child process: how it is started, what it reports, and how its tree ends.

Every launcher (bubblewrap, or ours for Landlock) reports the same way: it writes JSON lines to a
status descriptor, `child-pid` once the tree's root process exists and `exit-code` when the
command ended. Killing the launcher makes the root process end the tree, and the root process is
the last one to go. So its end, not the launcher's, says that nothing can write any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.sandbox import strays
from cadre.tools.sandbox.descriptors import Descriptors
from cadre.tools.sandbox.gate import Gate
from cadre.tools.sandbox.output import HeadTail

# How long the tree may take to go once its launcher is dead.
GRACE_SECONDS = 1.5
PIECE = 64 * 1024


@dataclass(frozen=True)
class Launch:
    """How to start a launcher. `argv` is made from its status descriptor; `descriptors` are
    what else it inherits, given up here once it has; `memory` bounds the whole tree, in bytes.
    `program` is what runs where `argv` begins with another name. `gate` is where the command
    waits, if it does."""

    argv: Callable[[int], Sequence[str]]
    descriptors: Descriptors
    memory: int
    stdin: bytes = b""
    program: str | None = None
    gate: Gate | None = None


class Process:
    """A started launcher. It must be started on the event loop's thread, because the kernel ends
    the tree together with the thread that started it."""

    def __init__(
        self, launch: Launch, output: HeadTail, on_output: Callable[[bytes], None] | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._output, self._on_output = output, on_output
        self._said = b""
        self._pidfds: list[int] = []
        self._out, out = os.pipe()
        self._status, status = _status_pipe()
        try:
            self._popen = _popen(launch, out, status)
        except OSError as error:
            os.close(self._out)
            os.close(self._status)
            raise CadreError(ErrorKind.NO_SANDBOX, f"the sandbox did not start: {error}") from error
        finally:
            os.close(out)
            os.close(status)
        self.launcher = self._ended(os.pidfd_open(self.pid))
        self._root: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        for fd, reader in ((self._out, self._read_output), (self._status, self._read_status)):
            os.set_blocking(fd, False)
            self._loop.add_reader(fd, reader)
        if launch.gate is not None:
            launch.gate.open_when_bound(self._known_root)

    @property
    def pid(self) -> int:
        """The launcher's process ID."""
        return self._popen.pid

    @property
    def returncode(self) -> int:
        """How the launcher itself ended; known after `end`."""
        return self._popen.returncode

    @property
    def exit_code(self) -> int | None:
        """The command's exit status, None where it never ran or was killed."""
        return self._reported("exit-code")

    async def end(self) -> None:
        """Kill what is left and return when it is gone, and its output read."""
        self._popen.kill()
        await self.launcher
        self._end_unbound()
        self._popen.wait()
        rest = {future for future in (self._root, self._closed) if future is not None}
        await asyncio.wait(rest, timeout=GRACE_SECONDS)
        for fd in (self._out, self._status, *self._pidfds):
            self._loop.remove_reader(fd)
            os.close(fd)

    def _end_unbound(self) -> None:
        """Kill the tree's root where the launcher died before it had bound it to itself: it is in
        the launcher's group still, or known by its ID. The launcher, not yet waited for, keeps
        the group's ID from being used again."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        root = self._known_root()
        if root is not None:
            strays.end_own(root)

    def _known_root(self) -> int | None:
        """The ID of the tree's root process, None before it was reported."""
        self._read_status()
        return self._reported("child-pid")

    def _ended(self, pidfd: int) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._pidfds.append(pidfd)

        def ready() -> None:
            self._loop.remove_reader(pidfd)
            future.set_result(None)

        self._loop.add_reader(pidfd, ready)
        return future

    def _read_output(self) -> None:
        data = os.read(self._out, PIECE)
        if not data:
            self._loop.remove_reader(self._out)
            self._closed.set_result(None)
            return
        self._output.feed(data)
        if self._on_output is not None:
            self._on_output(data)

    def _read_status(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._status, PIECE):
                self._said += data
            self._loop.remove_reader(self._status)
        pid = self._reported("child-pid")
        if self._root is None and pid is not None:
            with contextlib.suppress(ProcessLookupError):
                self._root = self._ended(os.pidfd_open(pid))

    def _reported(self, name: str) -> int | None:
        for line in self._said.splitlines(keepends=True):
            if line.endswith(b"\n") and name in (report := json.loads(line)):
                return int(report[name])
        return None


def _status_pipe() -> tuple[int, int]:
    """The ends to read from and to report to. Whoever holds the latter reads it as well: else
    the report would end a launcher whose engine is gone, before it lets its tree's root go on."""
    outer, inner = os.pipe()
    try:
        return outer, os.open(f"/proc/self/fd/{outer}", os.O_RDWR)
    finally:
        os.close(inner)


def _popen(launch: Launch, out: int, status: int) -> subprocess.Popen[bytes]:
    with launch.descriptors as descriptors:
        stdin = descriptors.hold(launch.stdin)
        return subprocess.Popen(
            launch.argv(status),
            executable=launch.program,
            stdin=stdin,
            stdout=out,
            stderr=out,
            env={},  # a launcher's own environment can be read inside
            cwd="/",
            start_new_session=True,  # a terminal's Ctrl-C is for the engine alone
            pass_fds=[status, *descriptors.all],
        )
