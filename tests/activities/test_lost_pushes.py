"""Pushes whose end nobody saw: what the remote says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from activities.pushes import Reach, reach_of
from cadre.domain.deliveries import DeliveryLine, DeliveryState, MakeDelivery
from cadre.storage import keys
from cadre.storage.objects import Objects
from tests.activities.test_deliveries import Make, asked, call, made, objects, repo
from tests.e2e.harness import git, until

__all__ = ["made", "objects", "repo"]  # fixtures


@pytest.fixture
def begun(repo: Path, objects: Objects) -> Callable[..., Awaitable[MakeDelivery]]:
    """A push whose worker was lost before it stored how it ended."""

    async def begin(target: str = "push:origin/new") -> MakeDelivery:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.invalid")
        git(repo, *identity, "commit", "-q", "--allow-empty", "-m", "ours")
        request = asked(repo, target)
        await objects.put(keys.delivery(request.run, f"{request.name}.begun"), "made")
        return request

    return begin


@pytest.mark.parametrize("target", ["push:origin/new", "push:origin/main"])
async def test_of_a_lost_push_the_remote_says_what_it_has(
    repo: Path, made: Make, begun: Callable[..., Awaitable[MakeDelivery]], target: str
) -> None:
    request = await begun(target)
    line = await call(made().settle, request)
    assert (line.state, line.absent) == (DeliveryState.UNKNOWN, True)
    git(repo, "push", "-q", "origin", f"HEAD:{request.target.branch}")
    line = await call(made().settle, request)
    assert (line.state, line.absent, line.why) == (DeliveryState.DONE, False, "")


async def test_of_a_lost_push_to_two_addresses_both_must_have_it(
    tmp_path: Path, repo: Path, made: Make, begun: Callable[..., Awaitable[MakeDelivery]]
) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "second.git")
    for name in ("origin.git", "second.git"):
        git(repo, "remote", "set-url", "--add", "--push", "origin", str(tmp_path / name))
    request = await begun()
    git(repo, "push", "-q", str(tmp_path / "origin.git"), "HEAD:refs/heads/new")
    assert (await call(made().settle, request)).absent
    git(repo, "push", "-q", str(tmp_path / "second.git"), "HEAD:refs/heads/new")
    assert (await call(made().settle, request)).state is DeliveryState.DONE


async def test_of_a_lost_push_nothing_is_known_where_the_remote_does_not_say(
    tmp_path: Path, repo: Path, made: Make, begun: Callable[..., Awaitable[MakeDelivery]]
) -> None:
    request = await begun()
    remote = tmp_path / "origin.git"
    remote.rename(tmp_path / "away")
    line = await call(made().settle, request)
    assert (line.state, line.absent) == (DeliveryState.UNKNOWN, False)
    (tmp_path / "away").rename(remote)
    tree = git(remote, "rev-parse", "main^{tree}")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.invalid")
    git(remote, "branch", "new", git(remote, *identity, "commit-tree", tree, "-m", "elsewhere"))
    line = await call(made().settle, request)
    assert (line.state, line.absent) == (DeliveryState.UNKNOWN, False), "it went elsewhere"


async def test_looking_at_the_remote_runs_no_hook(
    tmp_path: Path, repo: Path, made: Make, begun: Callable[..., Awaitable[MakeDelivery]]
) -> None:
    for hook in (repo / ".git/hooks/pre-push", tmp_path / "origin.git/hooks/pre-receive"):
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
        hook.chmod(0o755)
    assert (await call(made(hooks=True).settle, await begun())).absent
    assert not (tmp_path / "hooked").exists()


async def test_a_push_that_takes_too_long_is_done_where_the_remote_has_it(
    tmp_path: Path, repo: Path, made: Make
) -> None:
    hook = tmp_path / "origin.git/hooks/post-receive"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/moved\nsleep 1000\n")
    hook.chmod(0o755)
    line = await call(made(5).make, asked(repo, "push:origin/new"))
    assert (tmp_path / "moved").exists()
    assert (line.state, line.why) == (DeliveryState.DONE, "")


async def test_a_push_that_is_stopped_stores_what_the_remote_has(
    tmp_path: Path, repo: Path, made: Make, objects: Objects
) -> None:
    waits = tmp_path / "origin.git/hooks/pre-receive"
    waits.write_text(f"#!/bin/sh\ntouch {tmp_path}/waits\nsleep 1000\n")
    waits.chmod(0o755)
    request = asked(repo, "push:origin/new")
    task = asyncio.ensure_future(call(made().make, request))
    await asyncio.to_thread(until, (tmp_path / "waits").exists, "the push")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stored = await objects.get(keys.delivery(request.run, f"{request.name}.ended"))
    line = DeliveryLine.model_validate_json(stored or b"")
    assert (line.state, line.absent) == (DeliveryState.UNKNOWN, True)


@pytest.mark.parametrize(
    ("said", "reach"),
    [
        ("To x\n=\tabc:refs/heads/main\t[up to date]\nDone\n", Reach.THERE),
        ("To x\n \tabc:refs/heads/main\ta..b\nDone\n", Reach.ABSENT),
        ("To x\n*\tabc:refs/heads/main\t[new branch]\nDone\n", Reach.ABSENT),
        ("To x\n!\tabc:refs/heads/main\t[rejected] (fetch first)\nDone\n", Reach.UNCLEAR),
        ("=\ta:refs/heads/main\t[up to date]\n!\ta:refs/heads/main\t[rejected]\n", Reach.UNCLEAR),
        ("=\ta:refs/heads/main2\t[up to date]\n", Reach.UNCLEAR),
        ("Everything up-to-date\n", Reach.UNCLEAR),
    ],
)
def test_what_a_dry_run_says(said: str, reach: Reach) -> None:
    assert reach_of(said, "refs/heads/main") is reach
