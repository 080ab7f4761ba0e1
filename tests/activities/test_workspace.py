"""The workspace activities: what they return, store and raise."""

import dataclasses
import os
import subprocess
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.workspace import MAX_TAIL_CHARS, WorkspaceActivities
from cadre.domain.errors import ErrorKind
from cadre.domain.integration import FindMarkers, MergeBranches, NamedCommit, OrderBranches
from cadre.domain.workspaces import (
    CommitChange,
    Deliver,
    DescribeChange,
    OpenWorkspace,
    RunCheck,
)
from cadre.storage.objects import Objects
from cadre.tools.sandbox import open_sandbox, probe
from cadre.tools.workspace import Workspaces


@pytest.fixture
def repo(tmp_path):
    path = tmp_path / "repo"
    path.mkdir()
    (path / "a.txt").write_text("one\n")
    (path / "test_a.sh").write_text("grep two a.txt\n")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    for args in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "base"]):
        subprocess.run(["git", *args], cwd=path, check=True)
    return path


@pytest.fixture
def workspaces(tmp_path):
    return Workspaces(tmp_path / "state", open_sandbox(probe()))


@pytest.fixture
def objects(tmp_path):
    return Objects.open(f"file://{tmp_path}/objects")


@pytest.fixture
def activities(workspaces, objects):
    return WorkspaceActivities(workspaces, objects)


@pytest.fixture
def run():
    environment = ActivityEnvironment()

    async def call(activity, request):
        return await environment.run(activity, request)

    return call


async def test_a_run_from_open_to_close(run, activities, workspaces, objects, repo):
    opened = await run(activities.open, OpenWorkspace(run="r1", repo=str(repo), setup="seq 100000"))
    workspace = opened.workspace
    assert opened.sandbox == probe().level
    assert opened.setup.passed
    assert opened.setup.tail.endswith("99999\n100000\n")
    assert len(opened.setup.tail) == MAX_TAIL_CHARS
    stored = (await objects.get(opened.setup.output_key)).decode()
    assert stored.startswith("1\n2\n")
    assert len(opened.model_dump_json()) < 5000

    async def check(snapshot, name):
        return await run(
            activities.check,
            RunCheck(
                workspace=workspace, snapshot=snapshot, command="bash test_a.sh", name=name,
                guard_tests=True,
            ),
        )  # fmt: skip

    assert not (await check(workspace.snapshot, "before")).passed
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    (lease.path / "test_a.sh").write_text("true\n")
    bent = await check(await lease.snapshot(), "bent")
    assert (bent.passed, bent.bent, bent.changed_tests) == (True, True, ("test_a.sh",))
    assert bent.as_is.output_key != bent.with_base_tests.output_key

    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    (lease.path / "a.txt").write_text("two\n")
    snapshot = await lease.snapshot()
    await lease.finish(snapshot)
    after = await check(snapshot, "after")
    assert (after.passed, after.bent) == (True, False)
    assert (await objects.get(after.as_is.output_key)) == b"two\n"

    change = await run(
        activities.describe, DescribeChange(workspace=workspace, snapshot=snapshot, name="d")
    )
    assert (change.stat.files, change.stat.insertions, change.stat.deletions) == (1, 1, 1)
    assert b"\n-one\n+two\n" in await objects.get(change.diff_key)
    commit = await run(
        activities.commit,
        CommitChange(
            workspace=workspace, snapshot=snapshot, parents=(workspace.base,), author="builder",
            subject="Two", body="", seconds_since_epoch=1_700_000_000,
        ),
    )  # fmt: skip
    request = Deliver(workspace=workspace, repo=str(repo), commit=commit, branch="cadre/r1")
    delivery = await run(activities.deliver, request)
    assert delivery.commit == commit
    shown = subprocess.run(
        ["git", "show", "cadre/r1:a.txt"], cwd=repo, capture_output=True, check=True
    )
    assert shown.stdout == b"two\n"
    await run(activities.close, "r1")
    assert await workspaces.on_disk() == ()


async def test_parts_are_ordered_merged_and_searched(run, activities, workspaces, repo):
    async def part(number, files):
        request = OpenWorkspace(run="r1", name=f"part.{number}", repo=str(repo))
        workspace = (await run(activities.open, request)).workspace
        lease = await workspaces.begin(workspace, workspace.snapshot, "c")
        for name, content in files.items():
            (lease.path / name).write_text(content)
        snapshot = await lease.snapshot()
        await lease.finish(snapshot)
        commit = CommitChange(
            workspace=workspace, snapshot=snapshot, parents=(workspace.base,), author="builder",
            subject="Part", body="", seconds_since_epoch=1_700_000_000,
        )  # fmt: skip
        return NamedCommit(name=str(number), commit=await run(activities.commit, commit))

    main = (await run(activities.open, OpenWorkspace(run="r1", repo=str(repo)))).workspace
    parts = (
        await part(1, {"a.txt": "1\n", **{f"new{n}": "n\n" for n in range(3000)}}),
        await part(2, {"a.txt": "2\n"}),
    )
    order = await run(activities.order, OrderBranches(workspace=main, branches=parts))
    assert [(step.name, step.overlaps, step.files) for step in order.steps] == [
        ("2", 1, 1), ("1", 1, 3001),
    ]  # fmt: skip
    assert len(order.model_dump_json()) < 1000
    request = MergeBranches(
        workspace=main, ours=parts[0].commit, theirs=parts[1].commit, label="part 2"
    )
    merged = await run(activities.merge, request)
    assert [conflict.path for conflict in merged.conflicts] == ["a.txt"]
    assert await run(activities.merge, request) == merged
    search = FindMarkers(workspace=main, snapshot=merged.snapshot, ours=request.ours)
    assert (await run(activities.find_markers, search)).paths == ("a.txt",)
    lost = request.model_copy(update={"theirs": "1" * 40})
    with pytest.raises(ApplicationError) as caught:
        await run(activities.merge, lost)
    assert caught.value.type == ErrorKind.WORKSPACE_LOST


async def test_wrong_input_reaches_the_workflow_with_its_kind(run, activities, tmp_path):
    request = OpenWorkspace(run="r1", repo=os.fspath(tmp_path / "gone"))
    with pytest.raises(ApplicationError) as caught:
        await run(activities.open, request)
    assert caught.value.type == ErrorKind.WRONG_INPUT
    assert caught.value.non_retryable


async def test_long_work_heartbeats_within_its_timeout(activities, repo):
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info, heartbeat_timeout=timedelta(seconds=0.2)
    )
    beats = []
    environment.on_heartbeat = lambda *details: beats.append(details)
    request = OpenWorkspace(run="r1", repo=str(repo), setup="sleep 1")
    await environment.run(activities.open, request)
    assert len(beats) >= 3
