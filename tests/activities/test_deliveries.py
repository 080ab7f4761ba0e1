"""Pushes and commands: begun once, with an outcome that is known or said to be unknown."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deliveries import DeliveryActivities, Means
from cadre.domain.deliveries import DeliveryState, MakeDelivery, Target
from cadre.storage.objects import Objects
from cadre.tools.workspace.handover import Handover
from tests.e2e.harness import git, make_repo, until

Make = Callable[..., DeliveryActivities]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = make_repo(tmp_path / "repo", {"a.txt": "one\n"})
    git(tmp_path, "clone", "-q", "--bare", str(path), "origin.git")
    git(path, "remote", "add", "origin", str(tmp_path / "origin.git"))
    return path


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(f"file://{tmp_path}/objects")


@pytest.fixture
def made(tmp_path: Path, objects: Objects) -> Make:
    def make(seconds: float = 60, *, hooks: bool = False, **commands: str) -> DeliveryActivities:
        means = Means(commands, hooks, seconds)
        return DeliveryActivities(Handover(tmp_path / "state"), objects, means)

    return make


def asked(repo: Path, target: str, attempt: int = 1, **more: str) -> MakeDelivery:
    head = git(repo, "rev-parse", "HEAD")
    told = {"base": head, "commit": head, "branch": "cadre/r1", "title": "T", "body": "B", **more}
    return MakeDelivery(
        run="r1", number=1, attempt=attempt, target=Target.of(target), repo=str(repo), **told
    )


async def call(activity: Callable[[MakeDelivery], Awaitable[Any]], request: MakeDelivery) -> Any:
    return await ActivityEnvironment().run(activity, request)


async def test_a_command_is_told_what_it_delivers(
    tmp_path: Path, repo: Path, made: Make, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("OPERATORS_TOKEN", "theirs")
    request = asked(repo, "command:show", title="'; touch evil; '")
    deliveries = made(show="env; pwd")
    line = await call(deliveries.make, request)
    assert line.state is DeliveryState.DONE
    said = ((await objects.get(line.output_key)) or b"").decode().splitlines()
    assert {
        "CADRE_RUN=r1", "CADRE_BRANCH=cadre/r1", f"CADRE_COMMIT={request.commit}",
        "CADRE_TITLE='; touch evil; '", "OPERATORS_TOKEN=theirs", str(repo),
    } <= set(said)  # fmt: skip
    assert not [text for text in said if "secret" in text]
    assert not (repo / "evil").exists()
    assert await call(deliveries.settle, request) == line, "an answer that was lost is looked up"


async def test_a_failure_is_a_result(repo: Path, made: Make) -> None:
    line = await call(made(bad="echo no such host; exit 3").make, asked(repo, "command:bad"))
    assert (line.state, line.why) == (DeliveryState.FAILED, "exit status 3: no such host")
    line = await call(made().make, asked(repo, "pr", attempt=2))
    assert line.state is DeliveryState.FAILED
    assert "names no command pr" in line.why


async def test_one_that_was_begun_is_never_begun_again(
    tmp_path: Path, repo: Path, made: Make
) -> None:
    deliveries, log = made(note=f"echo once >> {tmp_path}/log"), tmp_path / "log"
    request = asked(repo, "command:note")
    await call(deliveries.make, request)
    with pytest.raises(ApplicationError, match="was begun before"):
        await call(deliveries.make, request)
    assert log.read_text() == "once\n"


async def test_one_that_was_given_up_cannot_begin(repo: Path, made: Make, tmp_path: Path) -> None:
    deliveries = made(note=f"echo once >> {tmp_path}/log")
    request = asked(repo, "command:note")
    for _ in range(2):  # the answer to the first one may be lost
        assert (await call(deliveries.settle, request)).state is DeliveryState.NOT_TRIED
    with pytest.raises(ApplicationError, match="was begun before"):
        await call(deliveries.make, request)
    assert not (tmp_path / "log").exists()


async def test_one_that_is_stopped_in_the_middle_is_unknown(
    repo: Path, made: Make, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    deliveries = made(hang=f"echo $$ > {begun}.new; mv {begun}.new {begun}; sleep 1000")
    request = asked(repo, "command:hang")
    task = asyncio.ensure_future(call(deliveries.make, request))
    await asyncio.to_thread(until, begun.exists, "the command")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not Path(f"/proc/{begun.read_text().strip()}").exists()
    line = await call(deliveries.settle, request)
    assert line.state is DeliveryState.UNKNOWN


async def test_one_that_takes_too_long_is_unknown(repo: Path, made: Make) -> None:
    deliveries = made(0.2, hang="echo here I am; sleep 1000")
    line = await call(deliveries.make, asked(repo, "command:hang"))
    assert line.state is DeliveryState.UNKNOWN
    assert "stopped after 0.2 s" in line.why


async def test_what_a_command_leaves_in_the_background_holds_nothing_up(
    repo: Path, made: Make
) -> None:
    line = await call(made(quick="sleep 1000 & echo done").make, asked(repo, "command:quick"))
    assert line.state is DeliveryState.DONE


@pytest.mark.parametrize("hooks", [False, True])
async def test_a_push(tmp_path: Path, repo: Path, made: Make, hooks: bool) -> None:
    hook = repo / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    line = await call(made(hooks=hooks).make, asked(repo, "push:origin/new"))
    assert line.state is DeliveryState.DONE, line.why
    remote = tmp_path / "origin.git"
    assert git(remote, "rev-parse", "new") == git(repo, "rev-parse", "HEAD")
    assert (tmp_path / "hooked").exists() == hooks


async def test_a_push_overwrites_nothing(tmp_path: Path, repo: Path, made: Make) -> None:
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(tmp_path / "origin.git"), "other")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.invalid")
    git(other, *identity, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(other, "push", "-q", "origin", "main")
    subprocess.run(
        ["git", "-C", repo, *identity, "commit", "-q", "--allow-empty", "-m", "ours"], check=True
    )
    theirs = git(other, "rev-parse", "HEAD")
    line = await call(made().make, asked(repo, "push:origin/main"))
    assert line.state is DeliveryState.FAILED
    assert "rejected" in line.why
    assert git(tmp_path / "origin.git", "rev-parse", "main") == theirs
