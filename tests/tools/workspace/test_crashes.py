"""SIGKILL at any point, then again: the result of an undisturbed run."""

import asyncio
import os
import random
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cadre.domain.workspaces import OpenWorkspace
from cadre.tools.workspace import Workspaces

ROOT = Path(__file__).parents[3]
KILLS = 12
PROGRAM = Path(__file__).with_name("whole_run.py")
work = runpy.run_path(str(PROGRAM))["work"]


@pytest.fixture
def start():
    processes = []

    def run(state, repo):
        process = subprocess.Popen(
            [sys.executable, PROGRAM, str(state), str(repo)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


async def test_a_kill_at_any_point_does_not_show(new_repo, start, sandbox, tmp_path):
    origin = new_repo({"a.txt": "", **{f"d{n}/x": f"{n}" for n in range(50)}})

    def clone(name):
        origin("clone", "-q", ".", str(tmp_path / name))
        return type(origin)(tmp_path / name)

    process = start(tmp_path / "undisturbed", clone("first").path)
    began = time.monotonic()
    expected = (await asyncio.to_thread(process.stdout.readline)).strip()
    seconds = time.monotonic() - began
    chance = random.Random(7)
    for number in range(KILLS):
        repo, state = clone(f"repo{number}"), tmp_path / f"state{number}"
        process = start(state, repo.path)
        await asyncio.sleep(chance.uniform(0, seconds))
        process.kill()
        process.wait()
        branch = repo("for-each-ref", "--format=%(objectname)", "refs/heads/cadre")
        assert branch in {"", expected}
        repo("fsck", "--strict")
        assert await work(Workspaces(state, sandbox), str(repo.path)) == expected
        assert repo("rev-parse", "cadre/r1") == expected
        repo("fsck", "--strict")


async def test_attempts_that_open_at_once_agree(repo, sandbox, tmp_path):
    setup = "echo $RANDOM$RANDOM > stamp"
    request = OpenWorkspace(run="r1", repo=str(repo.path), setup=setup)
    workspaces = [Workspaces(tmp_path / "state", sandbox) for _ in range(4)]
    openings = await asyncio.gather(*(w.open(request) for w in workspaces))
    assert all(opening == openings[0] for opening in openings)
    view = await workspaces[0].view(openings[0].workspace, openings[0].workspace.snapshot)
    assert (view.path / "stamp").exists()
    assert list((tmp_path / "state/runs/r1").glob("new.*")) == []
