"""Sandboxes that are ended while they start, with their engine and without."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid

import pytest

from cadre.tools.sandbox import end_strays

# Starts many commands at once, again and again, and says so when some are on their way.
ENGINE = """
import asyncio, sys
from pathlib import Path
from cadre.tools.sandbox import Level, open_sandbox, probe
sandbox = open_sandbox(probe(levels=[Level(sys.argv[1])]))
async def main():
    print("ready", flush=True)
    await asyncio.gather(*(sandbox.run(
        ["bash", "-c", f"exec -a {sys.argv[3]} sleep 1000"], workspace=Path(sys.argv[2]),
        writable=True, timeout=1000) for _ in range(20)))
asyncio.run(main())
"""


@pytest.fixture
def marker():
    return f"marker-{uuid.uuid4().hex}"


async def test_a_command_that_is_cancelled_while_it_starts_is_gone(sh, marker, marked):
    for number in range(40):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(number * 0.0005):
                await sh(f"exec -a {marker} sleep 1000", timeout=60)
        assert marked(marker) == []


def test_an_engine_that_is_killed_while_commands_start_leaves_none(
    level, workspace, marker, marked, until
):
    for count in range(1, 20, 4):
        command = [sys.executable, "-c", ENGINE, level.value, str(workspace), marker]
        environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as engine:
            try:
                assert engine.stdout is not None
                assert engine.stdout.readline() == b"ready\n"
                until(lambda n=count: len(marked(marker)) > n, "commands on their way")
            finally:
                engine.kill()
        end_strays()
        until(lambda: not marked(marker), "their end")
