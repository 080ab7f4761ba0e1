"""An engine that is killed at a certain moment while bubblewrap starts a command.

The engine is given a program that holds the start up there, and then becomes the real bubblewrap.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cadre.tools.sandbox import Level, end_strays, give, open_sandbox, probe
from cadre.tools.sandbox.bwrap import BwrapSandbox

Marked = Callable[[str], list[int]]
Until = Callable[[Callable[[], object], str], None]

ENGINE = """
import asyncio, dataclasses, sys
from pathlib import Path
from cadre.tools.sandbox import Level, open_sandbox, probe, strays
program, workspace, command = sys.argv[1:]
sandbox = open_sandbox(probe(levels=[Level.BWRAP]))
held_up = dataclasses.replace(sandbox, program=program)
Path(program).with_name("name").write_text(strays.name())
done = asyncio.run(held_up.run(
    ["bash", "-c", command], workspace=Path(workspace), writable=True, timeout=60))
print(done.exit_code, done.output)
"""
PROGRAM = """#!/bin/bash
cd {directory}
{before}
exec -a "$(< name)" {bwrap} {options} "$@"
"""
# The engine stops, and what bubblewrap wants to tell it no longer fits into the pipe ($2).
STOP_THE_ENGINE = """
kill -STOP $PPID
until read -r _ _ state _ < /proc/$PPID/stat && [ "$state" = T ]; do :; done
head -c 65536 /dev/zero >&$2
"""
# Bubblewrap writes it when it has bound itself to the engine.
TELL = "exec 98> told"
TELL_OPTIONS = "--info-fd 98"


@dataclass
class Start:
    """A command on its way, and what a test needs to know of it. `ran` is what it would write."""

    engine: subprocess.Popen[bytes]
    directory: Path
    ran: Path
    pids: Callable[[], list[int]]

    def has_bound_itself(self) -> bool:
        """Whether bubblewrap has asked to be ended with the engine."""
        told = self.directory / "told"
        return told.exists() and told.read_text().endswith("}\n")

    def has_let_go(self) -> bool:
        """Whether bubblewrap no longer holds the sandbox's first process, which it tells when it
        has bound itself. It then keeps none of the descriptors that it was given."""
        if not self.has_bound_itself():
            return False
        first = json.loads((self.directory / "told").read_text())["child-pid"]
        return any(not Path(f"/proc/{pid}/fd/99").exists() for pid in self.pids() if pid != first)

    def go_on(self) -> None:
        """Let a sandbox that is set up start its command."""
        hold = os.open(self.directory / "hold", os.O_RDWR)  # does not wait for a reader
        os.write(hold, b"\n")
        os.close(hold)

    def kill_engine(self) -> None:
        """Kill the engine; it is gone on return."""
        self.engine.kill()
        self.engine.wait()


HoldUp = Callable[..., contextlib.AbstractContextManager[Start]]


@pytest.fixture
def start(tmp_path: Path, marked: Marked) -> HoldUp:
    """Start a command that is held up by what runs before bubblewrap or by options for it."""
    sandbox = open_sandbox(probe(levels=[Level.BWRAP]))
    assert isinstance(sandbox, BwrapSandbox)
    workspace, directory = tmp_path / "work", tmp_path / "program"
    for path in (workspace, directory):
        path.mkdir()
    give(workspace, sandbox.owner)

    @contextlib.contextmanager
    def hold_up(before: str, options: str = "") -> Iterator[Start]:
        program = directory / "bwrap"
        program.write_text(
            PROGRAM.format(
                directory=directory, before=before, bwrap=sandbox.program, options=options
            )
        )
        program.chmod(0o755)
        marker = f"marker-{uuid.uuid4().hex}"
        command = [sys.executable, "-c", ENGINE, str(program), str(workspace)]
        engine = subprocess.Popen(
            [*command, f"touch ran; echo here; : {marker}"],
            env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
        )
        with engine:
            try:
                yield Start(
                    engine=engine,
                    directory=directory,
                    ran=workspace / "ran",
                    pids=lambda: [pid for pid in marked(marker) if pid != engine.pid],
                )
            finally:
                engine.kill()

    return hold_up


def _stopped(pid: int) -> bool:
    with contextlib.suppress(OSError):  # it has ended
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


@pytest.mark.parametrize("killed", [True, False])
def test_before_bubblewrap_runs(start: HoldUp, until: Until, killed: bool) -> None:
    with start("kill -STOP $$") as held:
        until(lambda: any(map(_stopped, held.pids())), "bubblewrap's program stops")
        if killed:
            held.kill_engine()
        (program,) = held.pids()
        os.kill(program, signal.SIGCONT)
        until(lambda: not held.pids(), "the end of all")
        assert held.ran.exists() is not killed
        assert held.engine.stdout is not None
        assert held.engine.stdout.read() == (b"" if killed else b"0 b'here\\n'\n")


@pytest.mark.parametrize("killed", [True, False])
def test_while_the_sandbox_is_set_up(start: HoldUp, until: Until, killed: bool) -> None:
    hold = f"{TELL}; mkfifo hold; exec 99<> hold"
    with start(hold, f"{TELL_OPTIONS} --block-fd 99") as held:
        until(held.has_let_go, "bubblewrap lets the sandbox be set up")
        if killed:
            held.kill_engine()
            until(lambda: len(held.pids()) <= 1, "bubblewrap is gone")
        held.go_on()
        until(lambda: not held.pids(), "the end of all")
        assert held.ran.exists() is not killed


def test_what_waits_for_a_bubblewrap_that_is_gone_is_found(start: HoldUp, until: Until) -> None:
    with start(TELL + STOP_THE_ENGINE, TELL_OPTIONS) as held:
        until(held.has_bound_itself, "bubblewrap binds itself to the engine")
        held.kill_engine()
        until(lambda: len(held.pids()) <= 1, "bubblewrap is gone")
        end_strays()
        assert held.pids() == []
        assert not held.ran.exists()
