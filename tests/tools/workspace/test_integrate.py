"""The integration of a run's branches, from its workspaces to the user's repository."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from cadre.domain.base import MAX_PAYLOAD_BYTES
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.integration import (
    MAX_LISTED,
    FindMarkers,
    MergeBranches,
    Merged,
    NamedCommit,
    OrderBranches,
)
from cadre.domain.workspaces import (
    CommitChange,
    Deliver,
    DescribeChange,
    OpenWorkspace,
    RunCheck,
    Workspace,
)
from cadre.tools.workspace import Workspaces

LINES = "".join(f"{number}\n" for number in range(1, 10))


class Integrator:
    """A run on a repository, with a workspace for each part and one for the result."""

    def __init__(
        self, repo: Any, opened: Callable[..., Awaitable[Any]], workspaces: Workspaces
    ) -> None:
        self.repo = repo
        self._opened = opened
        self.workspaces = workspaces
        self.main: Workspace

    async def open(self, name: str) -> Workspace:
        workspace: Workspace = (await self._opened(self.repo, name=name)).workspace
        return workspace

    async def write(self, files: Mapping[str, str | None], to: Workspace, snapshot: str) -> str:
        """The snapshot after a call that writes files, or removes those given as None."""
        lease = await self.workspaces.begin(to, snapshot, "c")
        for name, content in files.items():
            if content is None:
                (lease.path / name).unlink()
            else:
                (lease.path / name).parent.mkdir(parents=True, exist_ok=True)
                (lease.path / name).write_text(content)
        after = await lease.snapshot()
        await lease.finish(after)
        return after

    async def commit(self, snapshot: str, *parents: str) -> str:
        return await self.workspaces.commit(
            CommitChange(
                workspace=self.main, snapshot=snapshot, parents=parents, author="builder",
                subject="Part", body="", seconds_since_epoch=1_700_000_000,
            )
        )  # fmt: skip

    async def part(self, name: str, files: Mapping[str, str | None]) -> str:
        """The commit of a part that changes files in a workspace of its own."""
        workspace = await self.open(name)
        return await self.commit(
            await self.write(files, workspace, workspace.snapshot), self.main.base
        )

    async def merge(self, ours: str, theirs: str) -> Merged:
        request = MergeBranches(workspace=self.main, ours=ours, theirs=theirs, label="part 2")
        merged = await self.workspaces.merge(request)
        assert await self.workspaces.merge(request) == merged
        return merged

    async def markers(self, snapshot: str, ours: str) -> tuple[str, ...]:
        request = FindMarkers(workspace=self.main, snapshot=snapshot, ours=ours)
        return (await self.workspaces.find_markers(request)).paths

    async def deliver(self, commit: str, branch: str) -> None:
        await self.workspaces.deliver(
            Deliver(workspace=self.main, repo=str(self.repo.path), commit=commit, branch=branch)
        )


@pytest.fixture
async def run(new_repo: Any, opened: Any, workspaces: Workspaces) -> Integrator:
    repo = new_repo({"a.txt": LINES, "b.txt": LINES, "old.txt": LINES + "old\n", "gone.txt": "g\n"})
    integrator = Integrator(repo, opened, workspaces)
    integrator.main = await integrator.open("main")
    return integrator


async def test_parts_become_one_branch(run: Integrator) -> None:
    one = await run.part("part.1", {"a.txt": "one\n" + LINES, "new/1": "1\n"})
    two = await run.part("part.2", {"a.txt": LINES + "two\n", "gone.txt": None})
    head = run.main.base
    for theirs in (one, two):
        merged = await run.merge(head, theirs)
        assert merged.clean
        before, head = head, await run.commit(merged.snapshot, head, theirs)
        assert head == await run.commit(merged.snapshot, before, theirs)
    checked = await run.workspaces.check(
        RunCheck(workspace=run.main, snapshot=merged.snapshot, command="cat a.txt", name="m")
    )
    assert checked.as_is.completed.output.decode() == f"one\n{LINES}two\n"
    await run.deliver(head, "cadre/r1")
    await run.deliver(head, "cadre/r1")
    run.repo("fsck", "--full", "--strict")
    graph = run.repo("log", "--format=%H %P", "--topo-order", "main..cadre/r1").splitlines()
    base = run.main.base
    assert {tuple(line.split()) for line in graph} == {
        (head, before, two), (before, base, one), (one, base), (two, base),
    }  # fmt: skip
    assert run.repo("show", "cadre/r1:a.txt") == f"one\n{LINES}two"
    assert run.repo("ls-tree", "-r", "--name-only", "cadre/r1").split() == [
        "a.txt", "b.txt", "new/1", "old.txt",
    ]  # fmt: skip


async def test_a_merge_is_committed_even_if_nothing_changed(run: Integrator) -> None:
    one = await run.part("part.1", {"a.txt": "x\n"})
    two = await run.part("part.2", {"a.txt": "x\n", "b.txt": "y\n"})
    merged = await run.merge(two, one)
    head = await run.commit(merged.snapshot, two, one)
    assert head not in {one, two}
    assert await run.commit(merged.snapshot, two) == two


async def test_the_order_is_that_of_the_fewest_overlaps(run: Integrator) -> None:
    branches = {
        "1": await run.part("part.1", {"a.txt": "1\n", "b.txt": "1\n", "x": "x\n"}),
        "2": await run.part("part.2", {"a.txt": "2\n"}),
        "3": await run.part("part.3", {"n1": "n\n", "n2": "n\n"}),
        # A rename changes both paths, so it meets whoever touches the old one.
        "4": await run.part("part.4", {"old.txt": None, "moved.txt": LINES + "old\n"}),
        "5": await run.part("part.5", {"old.txt": "5\n", "b.txt": "5\n"}),
    }
    request = OrderBranches(
        workspace=run.main,
        branches=tuple(NamedCommit(name=name, commit=commit) for name, commit in branches.items()),
    )
    order = await run.workspaces.order(request)
    assert [(step.name, step.overlaps, step.files) for step in order.steps] == [
        ("3", 0, 2), ("2", 1, 1), ("4", 1, 2), ("5", 2, 2), ("1", 2, 3),
    ]  # fmt: skip
    assert await run.workspaces.order(request) == order


async def test_a_resolver_that_leaves_markers_is_caught(run: Integrator) -> None:
    one = await run.part("part.1", {"a.txt": "one\n", "b.txt": "one\n", "gone.txt": "one\n"})
    two = await run.part("part.2", {"a.txt": "two\n", "b.txt": "two\n", "gone.txt": None})
    merged = await run.merge(one, two)
    assert {(c.path, c.kind.value) for c in merged.conflicts} == {
        ("a.txt", "content"), ("b.txt", "content"), ("gone.txt", "deleted by them"),
    }  # fmt: skip
    assert merged.conflict_count == 3
    assert await run.markers(merged.snapshot, one) == ("a.txt", "b.txt")
    # The resolver starts from the merge, and hides one of them under another name.
    lease = await run.workspaces.begin(run.main, merged.snapshot, "resolver")
    (lease.path / "a.txt").write_text("one and two\n=======\n<<<<<<< a heading\n")
    (lease.path / "b.txt").rename(lease.path / "hidden.txt")
    half = await lease.snapshot()
    await lease.finish(half)
    assert await run.markers(half, one) == ("hidden.txt",)
    resolved = await run.write({"hidden.txt": None, "b.txt": "both\n"}, run.main, half)
    assert await run.markers(resolved, one) == ()


async def test_a_label_at_a_files_very_start_is_found_and_one_in_a_line_is_not(
    run: Integrator,
) -> None:
    snapshot = await run.write(
        {
            "start": "<<<<<<< ours: merged so far\n",
            "end": "text\n>>>>>>> theirs: part 9",
            "quoted": "see <<<<<<< ours: merged so far\n",
        },
        run.main,
        run.main.snapshot,
    )
    assert await run.markers(snapshot, run.main.base) == ("end", "start")


async def test_the_results_stay_small_however_many_conflicts_there_are(run: Integrator) -> None:
    names = [f"{number:03}-{'n' * 200}/{'m' * 200}" for number in range(200)]
    one = await run.part("part.1", dict.fromkeys(names, "one\n"))
    two = await run.part("part.2", dict.fromkeys(names, "two\n"))
    merged = await run.merge(one, two)
    assert merged.conflict_count == 200
    assert 1 < len(merged.conflicts) <= MAX_LISTED
    assert [c.path for c in merged.conflicts] == sorted(names)[: len(merged.conflicts)]
    left = await run.markers(merged.snapshot, one)
    assert len(merged.model_dump_json()) < MAX_PAYLOAD_BYTES / 2
    assert 1 < len(left) <= MAX_LISTED


async def test_what_one_workspace_made_can_be_read_from_every_other(run: Integrator) -> None:
    part = await run.open("part.1")
    after = await run.write({"a.txt": "part\n"}, part, part.snapshot)
    other = await run.open("part.2")
    for reader in (run.main, other):
        view = await run.workspaces.view(reader, after)
        assert (view.path / "a.txt").read_text() == "part\n"
        assert (view.path / ".git").read_text().endswith(f"worktrees/{reader.name}\n")
        described = await run.workspaces.describe(
            DescribeChange(workspace=reader, snapshot=after, name="d")
        )
        assert described.stat.files == 1
        checked = await run.workspaces.check(
            RunCheck(workspace=reader, snapshot=after, command="cat a.txt", name="c")
        )
        assert checked.as_is.completed.output == b"part\n"


async def test_a_workspace_can_start_from_a_commit_that_only_the_run_has(run: Integrator) -> None:
    one = await run.part("part.1", {"a.txt": "one\n"})
    run.repo.path.rename(run.repo.path.with_name("gone"))
    request = OpenWorkspace(run="r1", name="again", repo=str(run.repo.path), base=one)
    again = await run.workspaces.open(request)
    assert again.workspace.base == one
    assert again.notes == ()
    view = await run.workspaces.view(again.workspace, again.workspace.snapshot)
    assert (view.path / "a.txt").read_text() == "one\n"
    assert await run.workspaces.open(request) == again


async def test_parts_that_stay_out_are_branches_of_their_own(run: Integrator) -> None:
    commits = [await run.part(f"part.{n}", {"a.txt": f"{n}\n"}) for n in range(3)]
    names = ["cadre/r1", "cadre/r1+1", "cadre/r1+2"]
    await asyncio.gather(*map(run.deliver, commits, names))
    await asyncio.gather(*map(run.deliver, commits, names))
    run.repo("pack-refs", "--all")
    await asyncio.gather(*map(run.deliver, commits, names))
    assert [run.repo("rev-parse", name) for name in names] == commits
    run.repo("fsck", "--full", "--strict")
    # A branch that the user has moved meanwhile is theirs.
    run.repo("branch", "--force", "cadre/r1+1", "main")
    with pytest.raises(CadreError, match="it exists already") as caught:
        await run.deliver(commits[1], "cadre/r1+1")
    assert caught.value.kind is ErrorKind.DELIVERY
    assert run.repo("rev-parse", "cadre/r1+1") == run.main.base


async def test_a_commit_that_is_not_there_is_lost(run: Integrator) -> None:
    with pytest.raises(CadreError) as caught:
        await run.merge(run.main.base, "1" * 40)
    assert caught.value.kind is ErrorKind.WORKSPACE_LOST


async def test_closing_takes_all_workspaces_of_the_run(run: Integrator) -> None:
    parts = [await run.open(f"part.{number}") for number in range(3)]
    for workspace in parts:
        await run.write({"x": "x"}, workspace, workspace.snapshot)
    await run.workspaces.close("r1")
    assert await run.workspaces.on_disk() == ()
