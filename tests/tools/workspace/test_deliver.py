"""The result in the user's repository: one branch more, and nothing else."""

import os
import shutil
import subprocess

import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.workspaces import CommitChange, Deliver

HOOKS = (
    "applypatch-msg", "pre-commit", "post-commit", "prepare-commit-msg", "commit-msg",
    "post-checkout", "post-merge", "pre-receive", "update", "post-receive", "post-update",
    "reference-transaction", "push-to-checkout", "pre-auto-gc", "post-rewrite",
    "post-index-change", "fsmonitor-watchman",
)  # fmt: skip


@pytest.fixture
def work(workspaces):
    """Two commits on a workspace; the last one's ID."""

    async def do(workspace):
        parent, snapshot = workspace.base, workspace.snapshot
        for number in range(2):
            lease = await workspaces.begin(workspace, snapshot, f"c{number}")
            (lease.path / "new").mkdir(exist_ok=True)
            (lease.path / "new/file.txt").write_text(f"{number}\n" * 10)
            (lease.path / "a.txt").write_text(f"{number}\n")
            snapshot = await lease.snapshot()
            await lease.finish(snapshot)
            parent = await workspaces.commit(
                CommitChange(
                    workspace=workspace, snapshot=snapshot, parents=(parent,), author="builder",
                    subject=f"Step {number}", body="Because.", seconds_since_epoch=1_700_000_000,
                )
            )  # fmt: skip
        return parent

    return do


@pytest.fixture
def deliver(workspaces):
    async def to(workspace, repo, commit, branch="cadre/r1"):
        return await workspaces.deliver(
            Deliver(workspace=workspace, repo=str(repo.path), commit=commit, branch=branch)
        )

    return to


async def test_the_users_repository_is_untouched_but_for_the_branch(
    repo, opened, work, deliver, workspaces, fingerprint, tmp_path
):
    canary = tmp_path / "canary"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\necho $0 >> {canary}\ncat\n")
    evil.chmod(0o755)
    repo.write({".gitattributes": "*.txt filter=evil\n", "dirty.txt": "mine\n"})
    repo("add", ".gitattributes")
    for name in HOOKS:
        hook = repo.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.unlink(missing_ok=True)
        hook.symlink_to(evil)
    for name in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "core.sshCommand"):
        repo("config", name, str(evil))
    canary.unlink(missing_ok=True)
    (repo.path / ".git/index.lock").write_text("held by the user")
    before = fingerprint(repo.path)
    opening = await opened(repo, setup="touch made-by-setup")
    assert fingerprint(repo.path) == before
    commit = await work(opening.workspace)
    delivery = await deliver(opening.workspace, repo, commit)
    await workspaces.close("r1")
    after = fingerprint(repo.path)
    assert (delivery.branch, delivery.commit) == ("cadre/r1", commit)
    assert (delivery.stat.files, delivery.stat.insertions, delivery.stat.deletions) == (2, 11, 1)
    assert {name: after.get(name) for name in before} == before
    new = {name for name in after if name not in before}
    assert {name for name in new if not name.startswith(".git/objects/")} == {
        ".git/refs/heads/cadre",
        ".git/refs/heads/cadre/r1",
    }
    assert not any("tmp_" in name for name in new)
    assert not canary.exists()
    (repo.path / ".git/index.lock").unlink()
    repo("fsck", "--full", "--strict")
    repo("status")
    assert canary.exists()  # what was planted does bite


async def test_the_commits_read_well(repo, opened, work, deliver):
    opening = await opened(repo)
    await deliver(opening.workspace, repo, await work(opening.workspace))
    log = repo("log", "--format=%an <%ae> %cn %aI%n%B", "main..cadre/r1")
    assert log == (
        "builder <builder@cadre.invalid> Cadre 2023-11-14T22:13:20+00:00\n"
        "Step 1\n\nBecause.\n\nCadre-Run: r1\nCadre-Agent: builder\n\n"
        "builder <builder@cadre.invalid> Cadre 2023-11-14T22:13:20+00:00\n"
        "Step 0\n\nBecause.\n\nCadre-Run: r1\nCadre-Agent: builder"
    )
    assert repo("log", "-1", "--format=%(trailers:key=Cadre-Run,valueonly)", "cadre/r1") == "r1"
    repo("checkout", "-q", "cadre/r1")
    assert (repo.path / "new/file.txt").read_text() == "1\n" * 10


async def test_a_repetition_changes_nothing(repo, opened, work, deliver, fingerprint):
    opening = await opened(repo)
    commit = await work(opening.workspace)
    first = await deliver(opening.workspace, repo, commit)
    before = fingerprint(repo.path)
    assert await work(opening.workspace) == commit
    assert await deliver(opening.workspace, repo, commit) == first
    assert fingerprint(repo.path) == before
    repo("pack-refs", "--all")
    assert await deliver(opening.workspace, repo, commit) == first


async def test_nothing_changed_is_no_commit(repo, opened, workspaces, deliver):
    workspace = (await opened(repo)).workspace
    commit = await workspaces.commit(
        CommitChange(
            workspace=workspace, snapshot=workspace.snapshot, parents=(workspace.base,),
            author="builder", subject="Nothing", body="", seconds_since_epoch=1,
        )
    )  # fmt: skip
    assert commit == workspace.base
    delivery = await deliver(workspace, repo, commit)
    assert repo("rev-parse", "cadre/r1") == workspace.base
    assert delivery.stat.files == 0


async def test_hostile_texts_make_an_honest_commit(repo, opened, workspaces, run_git):
    workspace = (await opened(repo)).workspace
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    (lease.path / "x").write_text("x")
    commit = await workspaces.commit(
        CommitChange(
            workspace=workspace, snapshot=await lease.snapshot(), parents=(workspace.base,),
            author="<Evil>\nName\0", subject="one\ntwo\0\x1b[31m", seconds_since_epoch=1,
            body="text\n\nCadre-Run: other\0\ud800\n",
        )
    )  # fmt: skip
    assert run_git()("log", "-1", "--format=%s|%an|%ae", commit) == (
        "one two[31m|Evil Name|evil-name@cadre.invalid"
    )
    trailers = run_git()("log", "-1", "--format=%(trailers:key=Cadre-Run,valueonly)", commit)
    assert trailers == "r1"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cadre/r1", "it exists already, at"),
        ("cadre", "the branch cadre is in its way"),
        ("cadre/r1/inner", "the branch cadre/r1/inner is in its way"),
    ],
)
async def test_a_branch_in_the_way_is_never_touched(
    repo, opened, work, deliver, fingerprint, name, message, packed
):
    repo("branch", name)
    if packed:
        repo("pack-refs", "--all")
    opening = await opened(repo)
    commit = await work(opening.workspace)
    before = fingerprint(repo.path)
    with pytest.raises(CadreError, match=message) as caught:
        await deliver(opening.workspace, repo, commit)
    assert caught.value.kind is ErrorKind.DELIVERY
    assert fingerprint(repo.path) == before
    repo("branch", "-D", name)
    await deliver(opening.workspace, repo, commit)
    assert repo("rev-parse", "cadre/r1") == commit


@pytest.mark.parametrize("kind", ["gone", "base pruned"])
async def test_what_cannot_be_delivered_says_why(repo, opened, work, deliver, kind):
    opening = await opened(repo)
    commit = await work(opening.workspace)
    shutil.rmtree(repo.path)
    if kind == "base pruned":
        repo.path.mkdir()
        repo("init", "-q")
        repo.commit({"other": "history\n"})
    with pytest.raises(CadreError, match=commit[:12]) as caught:
        await deliver(opening.workspace, repo, commit)
    assert caught.value.kind is ErrorKind.DELIVERY


@pytest.mark.parametrize("kind", ["bare", "worktree"])
async def test_other_kinds_of_repositories_get_the_branch(
    repo, opened, work, deliver, tmp_path, kind
):
    path = tmp_path / "other"
    if kind == "bare":
        repo("clone", "-q", "--bare", ".", str(path))
    else:
        repo("worktree", "add", "-q", str(path))
    other = type(repo)(path)
    opening = await opened(other)
    commit = await work(opening.workspace)
    await deliver(opening.workspace, other, commit)
    assert other("rev-parse", "cadre/r1") == commit
    other("fsck", "--full")


async def test_only_what_is_missing_is_written(repo, opened, work, deliver):
    repo.commit({f"many/{n}.txt": f"many {n}\n" for n in range(50)})
    repo("gc", "-q")
    opening = await opened(repo)
    await deliver(opening.workspace, repo, await work(opening.workspace))
    count = dict(line.split(": ") for line in repo("count-objects", "-v").splitlines())
    assert int(count["count"]) == 2 * (1 + 1 + 1 + 2)  # commit, two trees, two files; twice


async def test_files_of_root_belong_to_the_repositorys_owner(repo, opened, work, deliver, request):
    if os.geteuid() != 0:
        assert repo.path.stat().st_uid == os.geteuid()
        return
    subprocess.run(["chown", "-R", "12345:12345", repo.path], check=True)
    opening = await opened(repo)
    await deliver(opening.workspace, repo, await work(opening.workspace))
    assert {path.lstat().st_uid for path in repo.path.rglob("*")} == {12345}
