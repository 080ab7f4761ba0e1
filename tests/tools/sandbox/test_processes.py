"""How commands start, run and end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.sandbox import Level, Limits, render

# A family that neither a hang-up, a termination nor the death of its parents ends.
FAMILY = """
trap '' TERM HUP INT
setsid bash -c "trap '' TERM HUP INT; exec -a {0} sleep 1000" > /dev/null 2>&1 &
(setsid bash -c "(exec -a {0} sleep 1000 > /dev/null 2>&1 &)" &)
exec -a {0} sleep 1000 &
running() {{ cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' '\\n' | grep -cx {0}; }}
while [ "$(running)" -lt 3 ]; do :; done
echo ready
"""


@pytest.fixture
def marker():
    return f"marker-{uuid.uuid4().hex}"


async def test_output_and_exit_code(sh):
    done = await sh("echo out; echo err >&2; echo more; exit 3")
    assert (done.exit_code, done.output) == (3, b"out\nerr\nmore\n")
    assert (done.truncated, done.timed_out, done.out_of_memory) == (False, False, False)
    assert (await sh("kill -SEGV $$")).exit_code == 128 + signal.SIGSEGV
    assert (await sh("no-such-program")).exit_code == 127


async def test_standard_input_is_what_is_given_or_empty(sh):
    data = bytes(range(256)) * 1000
    assert (await sh("sha256sum; cat", stdin=b"")).output.endswith(b"  -\n")
    assert (await sh("cat", stdin=data, output_limit=1 << 20)).output == data
    assert (await sh("cat")).output == b""


async def test_the_environment_is_small_and_can_be_added_to(sh):
    done = await sh("env", env={"ADDED": "a b=c"})
    names = {line.partition("=")[0] for line in done.output.decode().splitlines()}
    assert "ADDED=a b=c" in done.output.decode().splitlines()
    assert {"PATH", "HOME", "TMPDIR", "LANG"} <= names
    assert len(names) < 20


async def test_usual_programs_work(sh, level):
    done = await sh(
        "python3 -c 'import ssl, sqlite3, ctypes, multiprocessing; print(1)' && git --version && "
        "awk 'BEGIN{print 2}' && mktemp && echo x > /dev/null && cat <(echo substitution)"
    )
    assert done.exit_code == 0, done.output
    if level is Level.BWRAP:  # elsewhere the user is the host's
        assert (await sh("id -un; getent hosts localhost > /dev/null")).output == b"agent\n"


async def test_a_timeout_ends_the_whole_tree(sh, marker, marked):
    done = await sh(FAMILY.format(marker) + "sleep 1000", timeout=5)
    assert b"ready" in done.output
    assert done.timed_out
    assert done.exit_code == 128 + signal.SIGKILL
    assert marked(marker) == []


async def test_what_a_command_leaves_running_ends_with_it(sh, marker, marked):
    done = await sh(FAMILY.format(marker))
    assert (done.exit_code, done.output, done.timed_out) == (0, b"ready\n", False)
    assert marked(marker) == []


async def test_cancelling_ends_the_whole_tree_first(sh, marker, marked):
    ready = asyncio.Event()
    task = asyncio.create_task(
        sh(FAMILY.format(marker) + "sleep 1000", timeout=60, on_output=lambda _: ready.set())
    )
    await asyncio.wait_for(ready.wait(), 30)
    assert marked(marker)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert marked(marker) == []


async def test_killing_the_process_of_on_start_ends_the_whole_tree(sh, marker, marked, until):
    pids: list[int] = []
    done = await sh(
        FAMILY.format(marker) + "sleep 1000",
        timeout=60,
        on_start=pids.append,
        on_output=lambda _: os.kill(pids[0], signal.SIGKILL),
    )
    assert (done.exit_code, done.timed_out) == (128 + signal.SIGKILL, False)
    until(lambda: not marked(marker), "the tree ends")


DRIVER = """
import asyncio, sys
from pathlib import Path
from cadre.tools.sandbox import Level, open_sandbox, probe
sandbox = open_sandbox(probe(levels=[Level(sys.argv[1])]))
asyncio.run(sandbox.run(
    ["bash", "-c", sys.argv[3]], workspace=Path(sys.argv[2]), writable=True, timeout=60,
    on_output=lambda data: print(data.decode(), flush=True)))
"""


async def test_the_engines_death_ends_the_whole_tree(level, workspace, marker, marked, until):
    temporary = workspace / "engine"
    temporary.mkdir(mode=0o777)
    command = FAMILY.format(marker) + "sleep 1000"
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, level.value, str(workspace), command],
        env={
            "PYTHONPATH": ":".join(sys.path),
            "PATH": os.environ["PATH"],
            "TMPDIR": str(temporary),
        },
        stdout=subprocess.PIPE,
    ) as engine:
        assert engine.stdout is not None
        assert b"ready" in engine.stdout.readline()
        assert len(marked(marker)) > 3
        engine.kill()
    until(lambda: not marked(marker), "the tree ends")
    until(lambda: not list(temporary.iterdir()), "its temporary files go")


async def test_a_flood_of_output_is_cut_while_it_streams(sh):
    done = await sh(
        "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last",
        output_limit=100_000,
        timeout=120,
    )
    assert done.total_bytes == 100_000_000 + len("first\n\nlast\n")
    assert done.truncated
    assert len(done.output) < 101_000
    assert done.output.startswith(b"first\nxxx")
    assert done.output.endswith(b"xxx\nlast\n")
    assert b"bytes left out" in done.output


async def test_a_command_that_never_stops_to_write_is_ended(sh):
    done = await sh("yes", timeout=1)
    assert done.timed_out
    assert done.truncated


async def test_output_can_be_watched(sh):
    pieces: list[bytes] = []
    done = await sh("echo one; echo two", on_output=pieces.append)
    assert b"".join(pieces) == done.output == b"one\ntwo\n"


async def test_binary_output_is_told_by_size_and_hash(sh):
    text = render(await sh("printf 'a\\0b'"))
    assert "binary output: 3 bytes" in text
    assert render(await sh("printf 'caf\\303\\251 \\377'")) == "café \N{REPLACEMENT CHARACTER}"


BOMB = """
import os, sys
for started in range(1000):
    try:
        if os.fork() == 0:
            import signal
            signal.pause()
    except OSError:
        print(started)
        break
"""


async def test_the_number_of_processes_is_bounded(workspace, limited):
    sandbox = limited(Limits(processes=50))
    done = await sandbox.run(
        [sandbox.python, "-c", BOMB], workspace=workspace, writable=True, timeout=60
    )
    assert 10 <= int(done.output) <= 50


async def test_a_fork_bomb_ends_with_its_timeout(sh, marker, marked, limited):
    done = await sh(
        f"bomb() {{ bomb | bomb & }}; bomb; : {marker}; while :; do :; done",
        within=limited(Limits(processes=200)),
        timeout=3,
    )
    assert done.timed_out
    assert marked(marker) == []


async def test_the_memory_of_a_process_is_bounded(sh, limited):
    done = await sh(
        "python3 -c \"x = b'x' * (1 << 30); print('had it')\"",
        within=limited(Limits(process_memory=256 << 20)),
    )
    assert b"MemoryError" in done.output
    assert b"had it" not in done.output


async def test_the_memory_of_all_processes_together_is_bounded(sh, limited, marker, marked):
    hunger = f"python3 -c \"x = b'x' * (64 << 20); import time; time.sleep(1000)\" {marker} &"
    done = await sh(hunger * 8 + "wait", within=limited(Limits(memory=300 << 20)), timeout=60)
    assert done.out_of_memory
    assert not done.timed_out
    assert marked(marker) == []


async def test_the_size_of_files_is_bounded(sh, limited, workspace):
    await sh("head -c 2000000 /dev/zero > big", within=limited(Limits(file_size=1_024_000)))
    assert (workspace / "big").stat().st_size == 1_024_000


async def test_many_at_once_do_not_disturb_each_other(sh):
    done = await asyncio.gather(*(sh(f"sleep 0.2; echo {n}; exit {n}") for n in range(20)))
    assert [(d.exit_code, d.output) for d in done] == [(n, f"{n}\n".encode()) for n in range(20)]


def _open_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_no_descriptor_is_left_open(sh):
    await sh("true")
    gc.collect()  # what other tests left behind
    before = _open_descriptors()
    for _ in range(5):
        await sh("echo x")
        await sh("sleep 100", timeout=0.2)
    assert _open_descriptors() <= before


async def test_a_workspace_that_is_gone_is_said(sandbox, tmp_path):
    with pytest.raises(CadreError, match="is gone") as raised:
        await sandbox.run(["true"], workspace=tmp_path / "none", writable=True, timeout=5)
    assert raised.value.kind is ErrorKind.WORKSPACE_LOST
