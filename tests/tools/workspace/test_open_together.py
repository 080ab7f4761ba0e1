"""Many workspaces of one run, opened at once: one is made, the others are copies."""

from __future__ import annotations

import asyncio
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.workspaces import OpenWorkspace, Workspace
from cadre.tools.sandbox import Sandbox
from cadre.tools.workspace import Workspaces
from cadre.tools.workspace.alone import alone

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("opener.py")
open_all = runpy.run_path(str(PROGRAM))["open_all"]
NAMES = [f"part.{number}" for number in range(1, 21)]
# Each time that it runs it leaves a file outside of what is compared, and a stamp of its own.
SETUP = "mkdir -p env && head -c 16 /dev/urandom | od -An -tx1 > env/stamp && echo made"
DEADLINE_SECONDS = 60.0
KILLS = 6


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []

    def run(state: Path, repo: Path, names: list[str], setup: str = SETUP) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, PROGRAM, str(state), str(repo), setup, *names],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()


def stamps(state: Path) -> list[str]:
    return [path.read_text() for path in state.glob("runs/r1/*/prepared/env/stamp")]


async def assert_sound(state: Path, sandbox: Sandbox, lines: list[str], names: list[str]) -> None:
    """Every workspace is there, alike, and apart from the others."""
    workspaces = Workspaces(state, sandbox)
    opened = [Workspace.model_validate_json(line) for line in lines]
    assert sorted(workspace.name for workspace in opened) == sorted(names)
    assert len({(workspace.base, workspace.snapshot) for workspace in opened}) == 1
    assert len(stamps(state)) == len(names)
    for workspace in opened[:3]:
        lease = await workspaces.begin(workspace, workspace.snapshot, "c")
        assert await lease.snapshot() == workspace.snapshot
        assert (lease.path / ".git").read_text().endswith(f"/worktrees/{workspace.name}\n")
        (lease.path / "a.txt").write_text(workspace.name)
        await lease.finish(await lease.snapshot())
    again = await workspaces.open(
        OpenWorkspace(run="r1", name=names[-1], repo="/gone", setup=SETUP)
    )
    assert again.workspace == next(w for w in opened if w.name == names[-1])
    assert (state / "runs/r1" / names[-1] / "prepared/a.txt").read_text() == "one\n"


async def test_twenty_at_once_are_set_up_once(
    repo: Any, workspaces: Workspaces, state: Path, sandbox: Sandbox
) -> None:
    lines = await open_all(workspaces, str(repo.path), SETUP, NAMES)
    await assert_sound(state, sandbox, lines, NAMES)
    assert len(set(stamps(state))) == 1
    assert not list((state / "runs/r1").glob("new.*"))
    opened = await workspaces.open(
        OpenWorkspace(run="r1", name="part.7", repo=str(repo.path), setup=SETUP)
    )
    assert opened.setup is not None
    assert opened.setup.completed.output == b"made\n"


async def test_a_setup_that_failed_has_failed_for_all(repo: Any, workspaces: Workspaces) -> None:
    requests = [
        OpenWorkspace(run="r1", name=name, repo=str(repo.path), setup="echo $RANDOM$RANDOM; exit 3")
        for name in NAMES[:4]
    ]
    opened = await asyncio.gather(*map(workspaces.open, requests))
    done = [opening.setup.completed for opening in opened if opening.setup is not None]
    assert [completed.exit_code for completed in done] == [3] * 4
    assert len({completed.output for completed in done}) == 1


async def test_another_base_or_setup_is_not_copied(repo: Any, workspaces: Workspaces) -> None:
    async def stamp(name: str, **more: Any) -> str:
        request = OpenWorkspace(run="r1", name=name, repo=str(repo.path), **more)
        workspace = (await workspaces.open(request)).workspace
        path = (await workspaces.view(workspace, workspace.snapshot)).path
        made = path / "env/stamp"
        return f"{made.read_text() if made.exists() else ''} {(path / 'a.txt').read_text()}"

    first = await stamp("main", setup=SETUP)
    base = repo("rev-parse", "HEAD")
    repo.commit({"a.txt": "two\n"})
    found = [
        await stamp("part.1", setup=SETUP, base=base),
        await stamp("part.2", setup=SETUP),
        await stamp("part.3", setup=SETUP + " ", base=base),
        await stamp("part.4", setup=SETUP, setup_network=True, base=base),
        await stamp("part.5", base=base),
    ]
    assert found[0] == first
    assert len({first, *found}) == 5
    assert found[1].endswith("two\n")
    assert found[4] == " one\n"


async def test_several_processes_open_together(
    repo: Any, start: Any, state: Path, sandbox: Sandbox
) -> None:
    shares = [NAMES[number::3] for number in range(3)]
    processes = [start(state, repo.path, share) for share in shares]
    texts = await asyncio.gather(*(asyncio.to_thread(p.communicate) for p in processes))
    lines = [line for text, _ in texts for line in text.splitlines()]
    await assert_sound(state, sandbox, lines, NAMES)
    assert len(set(stamps(state))) == 1


async def test_a_kill_at_any_point_does_not_show(
    repo: Any, start: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Workers are killed while they open; the next attempt finds or makes what is missing."""
    names = NAMES[:6]
    began = time.monotonic()
    await asyncio.to_thread(start(tmp_path / "undisturbed", repo.path, names).communicate)
    seconds = time.monotonic() - began
    chance = random.Random(11)
    for number in range(KILLS):
        state = tmp_path / f"state{number}"
        killed, other = start(state, repo.path, names[:3]), start(state, repo.path, names[3:])
        await asyncio.sleep(chance.uniform(0, seconds))
        killed.kill()
        text, _ = await asyncio.to_thread(other.communicate)
        lines = await open_all(Workspaces(state, sandbox), str(repo.path), SETUP, names[:3])
        await assert_sound(state, sandbox, [*text.splitlines(), *lines], names)


async def test_who_stands_still_is_not_waited_for(
    repo: Any, start: Any, state: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cadre.tools.workspace.alone.STILL_SECONDS", 1.0)
    stopped = start(state, repo.path, NAMES[:2], f"{SETUP}; touch begun; sleep 300")
    await until(lambda: list(state.glob("runs/r1/new.*/part.*/prepared/begun")))
    stopped.send_signal(signal.SIGSTOP)
    lines = await open_all(Workspaces(state, sandbox), str(repo.path), SETUP, NAMES[:3])
    await assert_sound(state, sandbox, lines, NAMES[:3])


async def test_wrong_input_of_many_leaves_nothing(repo: Any, workspaces: Workspaces) -> None:
    """A tree that must not be checked out, and a base that is none."""
    blob = repo("hash-object", "-w", "--stdin", data=b"evil")
    inner = repo("mktree", data=f"100644 blob {blob}\tconfig\n".encode())
    tree = repo("hash-object", "-t", "tree", "-w", "--literally", "--stdin",
                data=b"40000 .git\0" + bytes.fromhex(inner))  # fmt: skip
    commit = repo("commit-tree", tree, "-m", "evil")
    requests = [
        OpenWorkspace(run="r1", name=name, repo=str(repo.path), base=base)
        for name, base in zip(NAMES, [commit, "nowhere"] * 10, strict=True)
    ]
    results = await asyncio.gather(*map(workspaces.open, requests), return_exceptions=True)
    assert {type(result) for result in results} == {CadreError}
    assert await workspaces.on_disk() == ()


@pytest.mark.parametrize(
    "name",
    [
        "trash",
        "repo.git",
        "new.abcdefgh",
        "new.12345678",
        "part.x",
        "a.b.1",
        "../x",
        "A",
        "",
        "a\n",
    ],
)
async def test_names_that_mean_something_else_are_refused(
    repo: Any, workspaces: Workspaces, name: str
) -> None:
    with pytest.raises(CadreError) as caught:
        await workspaces.open(OpenWorkspace(run="r1", name=name, repo=str(repo.path)))
    assert caught.value.kind is ErrorKind.WRONG_INPUT
    assert await workspaces.on_disk() == ()


async def test_the_next_one_gets_its_turn_when_the_holder_ends(tmp_path: Path) -> None:
    inside, most = 0, 0

    async def enter() -> None:
        nonlocal inside, most
        async with alone(tmp_path):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(5)))
    assert (inside, most) == (0, 1)
