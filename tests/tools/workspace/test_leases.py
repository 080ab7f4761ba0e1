"""Calls that write: from a snapshot to the next, or not at all."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cadre.tools.workspace import RefusedError, SupersededError, Workspaces

ROOT = Path(__file__).parents[3]


async def eventually(condition, seconds=20):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def workspace(new_repo, opened):
    repo = new_repo({"a.txt": "one\n", "src/b.py": "b = 1\n", ".gitignore": "cache/\n"})
    return (await opened(repo)).workspace


@pytest.fixture
def call(workspaces):
    """A call that writes files, or removes those given as None."""

    async def write(workspace, snapshot, files, call_id="c"):
        lease = await workspaces.begin(workspace, snapshot, call_id)
        for name, content in files.items():
            path = lease.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        after = await lease.snapshot()
        await lease.finish(after)
        return after

    return write


async def test_calls_follow_each_other_in_one_directory(workspace, workspaces, call, listing):
    one = await call(workspace, workspace.snapshot, {"new/x": "1", "cache/y": "kept"})
    two = await call(workspace, one, {"a.txt": None})
    lease = await workspaces.begin(workspace, two, "c3")
    assert set(listing(lease.path)) == {b"src/b.py", b"new/x", b"cache/y", b".gitignore"}


async def test_a_call_that_died_halfway_leaves_nothing(workspace, workspaces, call, listing):
    start = await call(workspace, workspace.snapshot, {"mine": "1", "src/c.py": "c"})
    before = listing((await workspaces.view(workspace, start)).path)
    half = await workspaces.begin(workspace, start, "c2")
    (half.path / "a.txt").write_text("half")
    (half.path / "src/b.py").unlink()
    (half.path / "src/c.py").chmod(0o755)
    (half.path / "mine").unlink()
    (half.path / "mine").mkdir()
    (half.path / "mine/deep").write_text("x")
    (half.path / "cache").mkdir()
    (half.path / "cache/ignored").write_text("x")
    (half.path / "link").symlink_to("/etc")
    os.mkfifo(half.path / "fifo")
    again = await workspaces.begin(workspace, start, "c2")
    assert listing(again.path) == before
    assert not (again.path / "cache").exists()
    assert again.path != half.path


async def test_a_refused_call_is_rolled_back(workspace, workspaces, listing):
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    lease.path.joinpath(*["d"] * 200).mkdir(parents=True)
    lease.path.joinpath(*["d"] * 200, "f").touch()
    (lease.path / "a.txt").write_text("changed")
    with pytest.raises(RefusedError, match="directories deep"):
        await lease.snapshot()
    view = await workspaces.view(workspace, workspace.snapshot)
    assert listing(view.path)[b"a.txt"] == ("-", b"one\n")
    lease = await workspaces.begin(workspace, workspace.snapshot, "c2")
    assert listing(lease.path) == listing(view.path)


async def test_a_superseded_call_changes_nothing(workspace, workspaces, call):
    old = await workspaces.begin(workspace, workspace.snapshot, "c")
    new = await workspaces.begin(workspace, workspace.snapshot, "c")
    with pytest.raises(SupersededError):
        await old.snapshot()
    with pytest.raises(SupersededError):
        await old.finish(workspace.snapshot)
    process = await asyncio.create_subprocess_exec("sleep", "600")
    with pytest.raises(SupersededError):
        old.started(process.pid)
    assert await process.wait() == -signal.SIGKILL
    (new.path / "a.txt").write_text("new")
    await new.finish(await new.snapshot())


async def test_an_earlier_attempt_does_not_end_a_later_one(workspace, workspaces):
    """A worker that stood still begins late what it was given long ago."""
    later = await workspaces.begin(workspace, workspace.snapshot, "c", attempt=3)
    (later.path / "a.txt").write_text("later")
    with pytest.raises(SupersededError):
        await workspaces.begin(workspace, workspace.snapshot, "c", attempt=2)
    await later.finish(await later.snapshot())
    assert (later.path / "a.txt").read_text() == "later"
    half = await workspaces.begin(workspace, workspace.snapshot, "d", attempt=1)
    next_one = await workspaces.begin(workspace, workspace.snapshot, "d", attempt=2)
    assert next_one.path != half.path


async def test_any_state_that_was_can_be_read(workspace, workspaces, call, listing):
    one = await call(workspace, workspace.snapshot, {"x": "1"})
    two = await call(workspace, one, {"x": "2", "y": "2"})
    contents = [
        listing((await workspaces.view(workspace, s)).path).get(b"x")
        for s in (workspace.snapshot, one, two, one)
    ]
    assert contents == [None, ("-", b"1"), ("-", b"2"), ("-", b"1")]
    # And written to: going on from an earlier state is a rollback.
    lease = await workspaces.begin(workspace, one, "c")
    assert set(listing(lease.path)) == {b"a.txt", b"src/b.py", b".gitignore", b"x"}


async def test_views_are_made_once_by_many_readers(workspace, workspaces, call):
    one = await call(workspace, workspace.snapshot, {"x": "1"})
    await call(workspace, one, {"x": "2"})
    views = await asyncio.gather(*(workspaces.view(workspace, one) for _ in range(8)))
    assert len({view.path for view in views}) == 1
    assert (views[0].path / "x").read_text() == "1"


async def test_the_sandbox_can_write_what_was_restored(workspace, workspaces, call, sandbox):
    one = await call(workspace, workspace.snapshot, {"deep/er/x": "1"})
    await workspaces.begin(workspace, one, "dies")
    lease = await workspaces.begin(workspace, one, "c")
    done = await sandbox.run(
        ["bash", "-c", "echo 2 > deep/er/x && echo n > deep/new && rm a.txt && mkdir src/d"],
        workspace=lease.path, writable=True, mounts=lease.mounts, timeout=20,
        on_start=lease.started,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    await lease.finish(await lease.snapshot())


async def test_git_in_the_sandbox_reads_and_cannot_write(
    workspace, workspaces, call, sandbox, run_git
):
    one = await call(workspace, workspace.snapshot, {"a.txt": "two\n", "new.txt": "n\n"})

    async def git(command):
        lease = await workspaces.begin(workspace, one, "c")
        return await sandbox.run(
            ["bash", "-c", command], workspace=lease.path, writable=True, mounts=lease.mounts,
            env=lease.env, timeout=20, on_start=lease.started,
        )  # fmt: skip

    done = await git("git status --short && git diff --stat && git log --format=%s")
    assert done.output.decode() == (
        " M a.txt\n?? new.txt\n a.txt | 2 +-\n"
        " 1 file changed, 1 insertion(+), 1 deletion(-)\nwork\n"
    )
    before = sorted(run_git().path.rglob("*"))
    for command in ("git commit -qam x", "git add a.txt", "rm -rf .git", "mv .git x", "> .git",
                    "git config a.b c", "git update-ref refs/heads/x HEAD"):  # fmt: skip
        assert (await git(command)).exit_code != 0, command
    assert sorted(run_git().path.rglob("*")) == before


def plant(directory, canary):
    """Make `directory` a repository that runs a command on whoever calls git in it."""
    evil = canary.with_name("evil")
    evil.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    evil.chmod(0o755)
    subprocess.run(["git", "init", "-q", directory], check=True)
    for name in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge"):
        config = directory / ".git/config"
        subprocess.run(["git", "config", "--file", config, name, evil], check=True)
    (directory / ".gitattributes").write_text("* filter=evil\n")


async def test_replacing_git_does_not_matter_to_the_engine(workspace, workspaces, tmp_path):
    canary = tmp_path / "canary"
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    (lease.path / ".git").unlink()
    (lease.path / "sub").mkdir()
    (lease.path / "sub/f").write_text("f")
    plant(lease.path, canary)
    plant(lease.path / "sub", canary)
    after = await lease.snapshot()
    await lease.finish(after)
    lease = await workspaces.begin(workspace, after, "c2")
    assert (lease.path / ".git").read_text().startswith("gitdir: ")
    assert await lease.snapshot() == after
    lease = await workspaces.begin(workspace, after, "c2")
    assert (lease.path / "sub/f").read_text() == "f"
    assert not (lease.path / "sub/.git").exists()
    assert not canary.exists()
    # What was planted does bite the git command.
    bait = tmp_path / "bait"
    bait.mkdir()
    plant(bait, canary)
    subprocess.run(["git", "-C", bait, "add", "-A"], check=True, capture_output=True)
    assert canary.exists()


async def test_a_retry_ends_the_process_that_still_writes(workspace, workspaces, sandbox):
    first = await workspaces.begin(workspace, workspace.snapshot, "c")
    writes = asyncio.create_task(
        sandbox.run(
            ["bash", "-c", "while :; do echo x >> a.txt; done"],
            workspace=first.path,
            writable=True,
            mounts=first.mounts,
            timeout=60,
            on_start=first.started,
        )
    )
    await eventually(lambda: (first.path / "a.txt").stat().st_size > 1000)
    second = await workspaces.begin(workspace, workspace.snapshot, "c")
    done = await writes
    assert done.exit_code != 0
    assert not done.timed_out
    assert (second.path / "a.txt").read_text() == "one\n"
    assert await second.snapshot() == workspace.snapshot


WORKER = """
import asyncio, sys
from pathlib import Path
from cadre.domain.workspaces import Workspace
from cadre.tools.sandbox import open_sandbox, probe
from cadre.tools.workspace import SupersededError, Workspaces

async def main():
    sandbox = open_sandbox(probe())
    workspaces = Workspaces(Path(sys.argv[1]), sandbox)
    workspace = Workspace.model_validate_json(sys.argv[2])
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    command = "for n in $(seq 400); do echo $n >> a.txt; sleep 0.01; done; echo end > last.txt"
    try:
        await sandbox.run(["bash", "-c", command], workspace=lease.path, writable=True,
                          mounts=lease.mounts, timeout=60, on_start=lease.started)
        await lease.finish(await lease.snapshot())
        print("finished")
    except SupersededError:
        print("superseded")

asyncio.run(main())
"""


@contextlib.contextmanager
def worker(state, workspace):
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(state), workspace.model_dump_json()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def started_writing(state):
    def look():
        for path in state.glob("runs/r1/main/tree.*/a.txt"):
            with contextlib.suppress(FileNotFoundError):
                return path.stat().st_size > 20
        return False

    return look


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_worker_left_behind_does_no_harm(workspace, state, sandbox, stopped):
    """One worker is killed within a command, or stopped and resumed after the retry."""
    with worker(state, workspace) as first:
        await eventually(started_writing(state))
        first.send_signal(signal.SIGSTOP if stopped else signal.SIGKILL)
        if not stopped:
            first.wait()
        workspaces = Workspaces(state, sandbox)
        lease = await workspaces.begin(workspace, workspace.snapshot, "c")
        assert (lease.path / "a.txt").read_text() == "one\n"
        (lease.path / "a.txt").write_text("two\n")
        if stopped:
            first.send_signal(signal.SIGCONT)
            assert await asyncio.to_thread(first.stdout.read) == "superseded\n"
        after = await lease.snapshot()
        await lease.finish(after)
    # The tree is what an undisturbed call makes.
    again = await workspaces.begin(workspace, workspace.snapshot, "undisturbed")
    (again.path / "a.txt").write_text("two\n")
    assert await again.snapshot() == after


async def test_closing_ends_what_still_runs(workspace, state, workspaces):
    with worker(state, workspace) as first:
        await eventually(started_writing(state))
        first.send_signal(signal.SIGSTOP)
        await workspaces.close("r1")
        assert await workspaces.on_disk() == ()
        first.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(first.stdout.read) in {"", "superseded\n"}


async def test_files_that_deny_their_owner_are_still_kept(workspace, workspaces, sandbox):
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    command = "mkdir d cache && echo x > d/x && echo y > cache/y && chmod 000 a.txt d cache"
    done = await sandbox.run(
        ["bash", "-c", command], workspace=lease.path, writable=True, mounts=lease.mounts,
        timeout=20,
    )  # fmt: skip
    assert done.exit_code == 0
    after = await lease.snapshot()
    lease = await workspaces.begin(workspace, after, "c")
    assert (lease.path / "a.txt").read_text() == "one\n"
    assert (lease.path / "d/x").read_text() == "x\n"
    assert (lease.path / "a.txt").stat().st_mode & 0o777 == 0o644
