"""A person's commits in, and the approved commit into a branch of theirs; all else stays."""

import pytest

from cadre.domain.deliveries import MergeInto, MoveBranch, PlanDeliveries, TakeCommits, Target
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.workspaces import CommitChange, Deliver
from cadre.tools.workspace.handover import Handover

RUN_BRANCH = "cadre/r1"


@pytest.fixture
def handover(state):
    return Handover(state)


@pytest.fixture
def change(workspaces):
    """A commit on a workspace that writes one file."""

    async def do(workspace, name="new.txt", text="new\n", parent="", snapshot=""):
        lease = await workspaces.begin(workspace, snapshot or workspace.snapshot, name)
        (lease.path / name).write_text(text)
        tree = await lease.snapshot()
        await lease.finish(tree)
        return await workspaces.commit(
            CommitChange(
                workspace=workspace, snapshot=tree, parents=(parent or workspace.base,),
                author="builder", subject="Step", body="", seconds_since_epoch=1_700_000_000,
            )
        )  # fmt: skip

    return do


@pytest.fixture
async def delivered(repo, opened, change, workspaces):
    """A workspace and its commit, which the user's repository has as the run's branch."""
    workspace = (await opened(repo)).workspace
    commit = await change(workspace)
    await workspaces.deliver(
        Deliver(workspace=workspace, repo=str(repo.path), commit=commit, branch=RUN_BRANCH)
    )
    repo("switch", "-q", "-c", "mine")
    return workspace, commit


def take(repo, workspace, ours):
    return TakeCommits(workspace=workspace, repo=str(repo.path), branch=RUN_BRANCH, ours=ours)


def into(repo, workspace, commit, branch="main"):
    return MergeInto(
        workspace=workspace, repo=str(repo.path), branch=branch, commit=commit, label="run r1"
    )


def moving(repo, workspace, old, new, known, branch="main"):
    return MoveBranch(
        workspace=workspace, repo=str(repo.path), branch=branch, old=old, new=new, known=known
    )


async def test_commits_of_a_person_are_taken(repo, delivered, handover, workspaces, run_git):
    workspace, commit = delivered
    same = await handover.take(take(repo, workspace, commit))
    assert (same.commit, same.commits) == (commit, 0)
    repo("switch", "-q", RUN_BRANCH)
    repo.commit({"mine.txt": "1\n"})
    theirs = repo.commit({"mine.txt": "2\n"})
    taken = await handover.take(take(repo, workspace, commit))
    assert (taken.commit, taken.commits) == (theirs, 2)
    lease = await workspaces.begin(workspace, taken.snapshot, "next")
    assert (lease.path / "mine.txt").read_text() == "2\n"
    assert (lease.path / "new.txt").read_text() == "new\n"


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (("branch", "-f", RUN_BRANCH, "main"), "not on top of"),
        (("branch", "-D", RUN_BRANCH), "no branch cadre/r1"),
    ],
)
async def test_anything_else_is_refused_with_what_to_do(repo, delivered, handover, done, said):
    workspace, commit = delivered
    repo(*done)
    with pytest.raises(CadreError, match=said) as refused:
        await handover.take(take(repo, workspace, commit))
    assert refused.value.kind is ErrorKind.DELIVERY
    assert f"git branch -f {RUN_BRANCH} {commit}" in refused.value.message
    repo("branch", "-f", RUN_BRANCH, commit)
    assert (await handover.take(take(repo, workspace, commit))).commits == 0


async def test_a_branch_goes_forward(repo, delivered, handover):
    workspace, commit = delivered
    ready = await handover.prepare(into(repo, workspace, commit))
    assert (ready.forward, ready.there, ready.conflicts) == (True, False, "")
    request = moving(repo, workspace, ready.tip, commit, (ready.tip, commit))
    before = repo("status", "--porcelain"), repo("rev-parse", "HEAD")
    assert (await handover.move(request)).moved
    assert (await handover.move(request)).moved, "again changes nothing"
    assert repo("rev-parse", "main") == commit
    assert (repo("status", "--porcelain"), repo("rev-parse", "HEAD")) == before
    assert (await handover.prepare(into(repo, workspace, commit))).there


async def test_a_branch_that_moved_is_merged(repo, delivered, handover, workspaces):
    workspace, commit = delivered
    repo("switch", "-q", "main")
    theirs = repo.commit({"theirs.txt": "1\n"})
    repo("switch", "-q", "mine")
    ready = await handover.prepare(into(repo, workspace, commit))
    assert (ready.tip, ready.forward, ready.conflicts) == (theirs, False, "")
    merge = await workspaces.commit(
        CommitChange(
            workspace=workspace, snapshot=ready.snapshot, parents=(theirs, commit),
            author="cadre", subject="Merge", body="", seconds_since_epoch=1_700_000_000,
        )
    )  # fmt: skip
    request = moving(repo, workspace, theirs, merge, (theirs, commit))
    assert (await handover.move(request)).moved
    assert repo("ls-tree", "--name-only", "main").split() == [
        "a.txt", "new.txt", "src", "theirs.txt"
    ]  # fmt: skip
    repo("fsck", "--strict", "--no-dangling")


async def test_a_branch_that_moved_meanwhile_stays(repo, delivered, handover):
    workspace, commit = delivered
    base = repo("rev-parse", "main")
    repo("switch", "-q", "main")
    theirs = repo.commit({"theirs.txt": "1\n"})
    repo("switch", "-q", "mine")
    request = moving(repo, workspace, base, commit, (base, commit))
    assert not (await handover.move(request)).moved
    assert repo("rev-parse", "main") == theirs


async def test_a_conflict_changes_nothing(repo, delivered, handover):
    workspace, commit = delivered
    repo("switch", "-q", "main")
    theirs = repo.commit({"new.txt": "theirs\n"})
    repo("switch", "-q", "mine")
    ready = await handover.prepare(into(repo, workspace, commit))
    assert ready.conflicts == "new.txt"
    assert repo("rev-parse", "main") == theirs


@pytest.mark.parametrize("linked", [False, True])
async def test_a_branch_that_is_checked_out_is_refused(repo, delivered, handover, tmp_path, linked):
    workspace, commit = delivered
    base, where = repo("rev-parse", "main"), repo.path
    if linked:
        where = tmp_path / "linked"
        repo("worktree", "add", "-q", str(where), "main")
    else:
        repo("switch", "-q", "main")
    with pytest.raises(CadreError, match=f"main is checked out in {where}"):
        await handover.move(moving(repo, workspace, base, commit, (base, commit)))
    assert repo("rev-parse", "main") == base


async def test_the_runs_branch_goes_forward_until_somebody_else_moves_it(
    repo, delivered, workspaces, change
):
    workspace, first = delivered
    request = Deliver(
        workspace=workspace, repo=str(repo.path), commit=first, branch=RUN_BRANCH, before=first
    )
    second = await change(workspace, "more.txt", parent=first)
    forward = request.model_copy(update={"commit": second})
    assert (await workspaces.deliver(forward)).commit == second
    assert repo("rev-parse", RUN_BRANCH) == second
    repo("switch", "-q", RUN_BRANCH)
    theirs = repo.commit({"mine.txt": "1\n"})
    repo("switch", "-q", "mine")
    await workspaces.deliver(forward.model_copy(update={"before": second}))
    assert repo("rev-parse", RUN_BRANCH) == theirs, "all of ours is in it"
    third = await change(workspace, "third.txt", parent=second)
    with pytest.raises(CadreError, match="rename or delete it"):
        await workspaces.deliver(request.model_copy(update={"commit": third, "before": second}))
    assert repo("rev-parse", RUN_BRANCH) == theirs


async def test_what_stands_against_deliveries_is_told_before(repo, handover):
    repo("remote", "add", "origin", "/nowhere")
    wanted = ["merge:main", "merge:gone", "push:origin", "push:other", "pr", "command:known"]
    targets = tuple(map(Target.of, wanted))
    plan = await handover.plan(
        PlanDeliveries(repo=str(repo.path), targets=targets), frozenset({"known"})
    )
    assert [line.removeprefix("--deliver ").split(": ")[0] for line in plan.refused] == [
        "merge:gone", "push:other", "command:pr"
    ]  # fmt: skip
    [note] = plan.notes
    assert note.startswith(f"merge:main: main is checked out in {repo.path}")
