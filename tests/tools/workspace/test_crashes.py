"""SIGKILL at any point, then again: the result of an undisturbed run."""

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cadre.domain.workspaces import CommitChange, Deliver, OpenWorkspace
from cadre.tools.workspace import Workspaces

ROOT = Path(__file__).parents[3]
KILLS = 12

# Opens a workspace, makes a change in it, commits and delivers it; says when it begins.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from cadre.domain.workspaces import *
from cadre.tools.sandbox import open_sandbox, probe
from cadre.tools.workspace import Workspaces
from tests_work import work

sandbox = open_sandbox(probe())
print("ready", flush=True)
sys.stdin.readline()
print(asyncio.run(work(Workspaces(Path(sys.argv[1]), sandbox), sys.argv[2])), flush=True)
"""


async def work(workspaces, repo):
    opening = await workspaces.open(
        OpenWorkspace(run="r1", repo=repo, setup="mkdir env; echo env > env/x")
    )
    workspace = opening.workspace
    snapshot, parent = workspace.snapshot, workspace.base
    for number in range(3):
        lease = await workspaces.begin(workspace, snapshot, f"c{number}")
        for name in range(20):
            (lease.path / f"f{name}").write_text(f"{number} {name}\n")
        with (lease.path / "a.txt").open("a") as file:
            file.write(f"{number}\n")
        snapshot = await lease.snapshot()
        await lease.finish(snapshot)
        parent = await workspaces.commit(
            CommitChange(
                workspace=workspace, snapshot=snapshot, parent=parent, author="builder",
                subject="s", body="b", seconds_since_epoch=1_700_000_000,
            )
        )  # fmt: skip
    await workspaces.deliver(
        Deliver(workspace=workspace, repo=repo, commit=parent, branch="cadre/r1")
    )
    return parent


@pytest.fixture
def start(tmp_path):
    (tmp_path / "tests_work.py").write_text(
        "from cadre.domain.workspaces import *\n"
        + Path(__file__)
        .read_text()
        .partition("async def work")[2]
        .partition("@pytest")[0]
        .join(["async def work", ""])
    )
    processes = []

    def run(state, repo):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(state), str(repo)],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
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
    repo = new_repo({"a.txt": "", **{f"d{n}/x": f"{n}" for n in range(50)}})
    pristine = tmp_path / "pristine"
    repo("clone", "-q", "--mirror", ".", str(pristine))
    began = time.monotonic()
    process = start(tmp_path / "undisturbed", repo.path)
    expected = (await asyncio.to_thread(process.stdout.readline)).strip()
    seconds = time.monotonic() - began
    assert repo("rev-parse", "cadre/r1") == expected
    chance = random.Random(7)
    for number in range(KILLS):
        repo("branch", "-D", "cadre/r1")
        state = tmp_path / f"state{number}"
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
