"""Opening a workspace: what comes in, what stays out, and what is refused."""

import asyncio
import os
import shutil

import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.workspaces import OpenWorkspace
from cadre.tools.sandbox import Level
from cadre.tools.workspace import Workspaces


async def test_the_workspace_is_the_base_commit(repo, opened, workspaces, listing):
    opening = await opened(repo)
    workspace = opening.workspace
    assert workspace.base == repo("rev-parse", "HEAD")
    assert workspace.snapshot == repo("rev-parse", "HEAD^{tree}")
    assert opening.notes == ()
    view = await workspaces.view(workspace, workspace.snapshot)
    assert listing(view.path) == {b"a.txt": ("-", b"one\n"), b"src/b.py": ("-", b"b = 1\n")}


async def test_a_base_can_be_any_revision(repo, opened):
    first = repo("rev-parse", "HEAD")
    repo.commit({"a.txt": "two\n"})
    repo("tag", "-a", "v1", "-m", "v1", first)
    for number, base in enumerate((first, first[:9], "v1", "HEAD~1", "main^")):
        assert (await opened(repo, run=f"r{number}", base=base)).workspace.base == first


async def test_bytes_come_in_as_they_are_committed(new_repo, opened, workspaces, listing):
    repo = new_repo({"x": "x"})
    repo.write({"crlf.txt": b"a\r\nb\r\n", "lf.txt": b"a\nb\n", "run": b"#!/bin/sh\n"})
    (repo.path / "run").chmod(0o755)
    (repo.path / "link").symlink_to("lf.txt")
    (repo.path / os.fsdecode(b"\xff.txt")).write_bytes(b"$Id$")
    repo.commit()
    repo.commit({".gitattributes": "* text=auto eol=crlf ident\n"})
    opening = await opened(repo)
    view = await workspaces.view(opening.workspace, opening.workspace.snapshot)
    found = listing(view.path)
    assert found[b"crlf.txt"] == ("-", b"a\r\nb\r\n")
    assert found[b"lf.txt"] == ("-", b"a\nb\n")
    assert found[b"run"] == ("x", b"#!/bin/sh\n")
    assert found[b"link"] == ("link", b"lf.txt")
    assert found[b"\xff.txt"] == ("-", b"$Id$")
    lease = await workspaces.begin(opening.workspace, opening.workspace.snapshot, "c")
    assert await lease.snapshot() == opening.workspace.snapshot


async def test_the_users_own_changes_stay_out_and_are_told(repo, opened, workspaces, listing):
    repo.commit({".gitignore": "*.log\n"})
    repo.write({"a.txt": "dirty\n", "new.txt": "new\n", "x.log": "ignored\n", "staged.py": "s\n"})
    repo("add", "staged.py")
    opening = await opened(repo)
    assert opening.notes == (
        "2 changed files in your checkout stay out of the run (a.txt, staged.py); "
        "commit or stash them to include them",
        "1 untracked file in your checkout stays out of the run (new.txt); "
        "commit or stash them to include them",
    )
    view = await workspaces.view(opening.workspace, opening.workspace.snapshot)
    assert set(listing(view.path)) == {b".gitignore", b"a.txt", b"src/b.py"}
    assert listing(view.path)[b"a.txt"] == ("-", b"one\n")


async def test_submodules_and_lfs_are_told(repo, new_repo, opened, workspaces):
    other = new_repo({"inner.txt": "i\n"}, "other")
    repo("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.path), "vendor/o")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    repo.write({"assets/.gitattributes": "*.bin filter=lfs\n", "assets/x.bin": pointer})
    repo.commit()
    opening = await opened(repo)
    assert opening.notes == (
        "1 submodule left out, empty in the workspace (vendor/o)",
        "files in Git LFS are pointer files in the workspace, not their content",
    )
    lease = await workspaces.begin(opening.workspace, opening.workspace.snapshot, "c")
    assert (lease.path / "assets/x.bin").read_text() == pointer
    assert list((lease.path / "vendor/o").iterdir()) == []
    (lease.path / "vendor/o/lost").write_text("cache")
    assert await lease.snapshot() == opening.workspace.snapshot


@pytest.mark.parametrize("kind", ["bare", "worktree", "borrowing", "shallow"])
async def test_other_kinds_of_repositories(repo, opened, workspaces, run_git, tmp_path, kind):
    repo.commit({"a.txt": "two\n"})
    path = tmp_path / "other"
    if kind == "bare":
        repo("clone", "-q", "--bare", ".", str(path))
    elif kind == "worktree":
        repo("worktree", "add", "-q", str(path))
    elif kind == "borrowing":
        repo("clone", "-q", "--shared", ".", str(path))
    else:
        repo("clone", "-q", "--depth=1", f"file://{repo.path}", str(path))
    other = type(repo)(path)
    opening = await opened(other)
    assert opening.workspace.snapshot == repo("rev-parse", "HEAD^{tree}")
    # It stands alone: what it was made from may go.
    shutil.rmtree(path)
    shutil.rmtree(repo.path)
    assert run_git()("cat-file", "-p", f"{opening.workspace.base}:a.txt") == "two"
    log = run_git()("log", "--format=%s", opening.workspace.base).splitlines()
    assert log == (["work"] if kind == "shallow" else ["work", "work"])


async def test_the_runs_repository_borrows_nothing(repo, opened, run_git, workspaces):
    repo("gc", "-q")
    repo.commit({"a.txt": "two\n"})
    opening = await opened(repo)
    repo("checkout", "-q", "--orphan", "empty")
    repo("branch", "-D", "main")
    repo("reflog", "expire", "--expire=now", "--all")
    repo("gc", "-q", "--prune=now")
    run_git()("fsck", "--full", "--strict", opening.workspace.base)
    assert run_git()("show", f"{opening.workspace.base}:a.txt") == "two"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("unknown base", "'nope' is not a commit of"),
        ("blob as base", "'HEAD:a.txt' is not a commit of"),
        ("missing", "is not a directory; give the path of a git repository"),
        ("no repository", "is not a git repository; run `git init`"),
        ("inside", "is not a git repository's root; give"),
        ("no commit", "has no commit yet; commit something first"),
        ("sha256", "cannot be read: "),
    ],
)
async def test_wrong_input_is_one_line_and_leaves_nothing(
    repo, workspaces, state, tmp_path, kind, message
):
    path, base = repo.path, "HEAD"
    if kind == "unknown base":
        base = "nope"
    elif kind == "blob as base":
        base = "HEAD:a.txt"
    elif kind == "missing":
        path = tmp_path / "gone"
    elif kind == "inside":
        path = repo.path / "src"
    else:
        path = tmp_path / "plain"
        path.mkdir()
        if kind == "no commit":
            repo("init", "-q", str(path))
        if kind == "sha256":
            repo("init", "-q", "--object-format=sha256", str(path))
    with pytest.raises(CadreError, match=message) as caught:
        await workspaces.open(OpenWorkspace(run="r1", repo=str(path), base=base))
    assert caught.value.kind is ErrorKind.WRONG_INPUT
    assert "\n" not in caught.value.message
    assert [p for p in state.rglob("*") if p.is_file()] == []
    assert await workspaces.on_disk() == ()


@pytest.mark.parametrize("run", ["..", "a/b", "A", "", "x\n", "a..b", "x.lock"])
async def test_a_run_that_cannot_be_a_branch_is_refused(repo, workspaces, state, run):
    with pytest.raises(CadreError) as caught:
        await workspaces.open(OpenWorkspace(run=run, repo=str(repo.path)))
    assert caught.value.kind is ErrorKind.WRONG_INPUT
    assert await workspaces.on_disk() == ()


async def test_a_hostile_tree_is_refused(repo, workspaces):
    blob = repo("hash-object", "-w", "--stdin", data=b"evil")
    inner = repo("mktree", data=f"100644 blob {blob}\tconfig\n".encode())
    tree = repo("hash-object", "-t", "tree", "-w", "--literally", "--stdin",
                data=b"40000 .git\0" + bytes.fromhex(inner))  # fmt: skip
    commit = repo("commit-tree", tree, "-m", "evil")
    with pytest.raises(CadreError, match=r"which no checkout may create"):
        await workspaces.open(OpenWorkspace(run="r1", repo=str(repo.path), base=commit))


async def test_opening_again_finds_the_same(repo, opened, state, sandbox):
    first = await opened(repo, setup="echo hi; date +%N > stamp")
    repo.commit({"a.txt": "moved on\n"})
    again = await Workspaces(state, sandbox).open(OpenWorkspace(run="r1", repo=str(repo.path)))
    assert again == first
    assert again.setup.completed.output == b"hi\n"


async def test_runs_on_one_repository_do_not_meet(repo, opened, workspaces, listing):
    openings = await asyncio.gather(*(opened(repo, run=f"r{n}") for n in range(4)))

    async def work(opening):
        workspace, snapshot = opening.workspace, opening.workspace.snapshot
        for number in range(3):
            lease = await workspaces.begin(workspace, snapshot, f"c{number}")
            (lease.path / workspace.run).write_text(str(number))
            snapshot = await lease.snapshot()
            await lease.finish(snapshot)
        return listing((await workspaces.view(workspace, snapshot)).path)

    for number, found in enumerate(await asyncio.gather(*map(work, openings))):
        assert set(found) == {b"a.txt", b"src/b.py", f"r{number}".encode()}


async def test_closing_removes_the_run(repo, opened, workspaces, state):
    opening = await opened(repo)
    await opened(repo, run="r2")
    await workspaces.begin(opening.workspace, opening.workspace.snapshot, "c")
    assert await workspaces.on_disk() == ("r1", "r2")
    await workspaces.close("r1")
    await workspaces.close("r1")
    assert await workspaces.on_disk() == ("r2",)
    assert list((state / "trash").iterdir()) == []
    with pytest.raises(CadreError) as caught:
        await workspaces.view(opening.workspace, opening.workspace.snapshot)
    assert caught.value.kind is ErrorKind.WORKSPACE_LOST


async def test_a_snapshot_that_is_not_there_is_lost(repo, opened, workspaces):
    opening = await opened(repo)
    with pytest.raises(CadreError) as caught:
        await workspaces.begin(opening.workspace, "0" * 39 + "1", "c")
    assert caught.value.kind is ErrorKind.WORKSPACE_LOST


async def test_the_level_is_recorded(repo, opened):
    assert (await opened(repo)).sandbox is Level.BWRAP
