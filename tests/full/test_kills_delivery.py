"""SIGKILL, cancel and terminate inside a push, at exact instants.

The remote's own hooks hold a push before and after its reference moves. What happened is counted by
a witness outside of the engine: the remote's hook is told of each reference that moved.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from tests.chaos.stage import stopped
from tests.e2e.harness import SCENARIOS, until
from tests.full.delivering import Place
from tests.full.test_approval import ended, say, waiting

SCENARIO = SCENARIOS / "approving.py"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place; no hook of it waits any more after the test."""
    place = Place(tmp_path)
    with place.home.up("--scenario", SCENARIO):
        yield place
        (tmp_path / "go").touch()
        (tmp_path / "end").touch()


@pytest.mark.parametrize("dies", [False, True], ids=["push goes on", "push dies"])
def test_killed_before_the_remote_has_it(place: Place, dies: bool) -> None:
    """The push is repeated, since the remote says that it has it not; where the first one goes on,
    both are at the remote at once."""
    (place.root / "end").touch()
    head = place.approve("push:origin/main")
    first = int(until(lambda: place.lines("begun"), "the push at the remote")[0])
    assert place.at_remote() == place.old
    place.kill("worker")
    if dies:
        os.killpg(os.getpgid(first), signal.SIGKILL)
    until(lambda: len(place.lines("begun")) == 2, "the second push at the remote")
    assert place.at_remote() == place.old
    (place.root / "go").touch()
    line = place.delivered()
    assert (line["state"], line["commit"]) == ("done", head)
    assert place.at_remote() == head
    assert place.lines("moved") == [f"{place.old} {head} refs/heads/main"]


def test_killed_after_the_remote_has_it(place: Place) -> None:
    """The remote says so; it is not asked to take it again."""
    (place.root / "go").touch()
    head = place.approve("push:origin/main")
    until(lambda: place.lines("hook"), "the reference to move")
    assert place.at_remote() == head
    assert not place.stored().exists()
    place.kill("worker")
    line = place.delivered()
    assert (line["state"], line["why"]) == ("done", "")
    assert len(place.lines("begun")) == 1
    assert place.lines("moved") == [f"{place.old} {head} refs/heads/main"]


def test_killed_between_a_pushs_end_and_its_record(place: Place) -> None:
    """The server stands still when the push ends, and dies without having read that it did."""
    (place.root / "end").touch()
    head = place.approve("push:origin/main")
    until(lambda: place.lines("begun"), "the push at the remote")
    with stopped(place.pid("server")):
        assert not place.stored().exists()
        (place.root / "go").touch()
        until(place.stored().exists, "the stored end")
        place.kill("worker", "server")
    assert place.delivered()["state"] == "done"
    assert place.lines("moved") == [f"{place.old} {head} refs/heads/main"]
    assert len(place.lines("begun")) == 1


def test_a_remote_that_does_not_say_is_for_a_person_to_look_at(place: Place) -> None:
    head = place.approve("push:origin/main")
    until(lambda: place.lines("begun"), "the push at the remote")
    away = place.remote.rename(place.root / "away.git")
    place.kill("worker")
    asked = waiting(place.home, "run", "delivery.1.done")
    assert "Nobody knows whether" in asked["text"]
    away.rename(place.remote)
    (place.root / "go").touch()
    (place.root / "end").touch()
    until(lambda: place.at_remote() == head, "the first push, which went on")
    say(place.home, "approve", "run", "delivery.1.done", "it is there")
    assert ended(place.home, "run")["deliveries"][0]["state"] == "taken as done"
    assert len(place.lines("moved")) == 1


@pytest.mark.parametrize("moved", [False, True], ids=["before", "after"])
def test_cancelled_inside_a_push(place: Place, moved: bool) -> None:
    """The push is ended, and its line says what the remote has then."""
    head = _inside(place, moved)
    place.home.run("cancel", "run")
    line = place.delivered()
    _known(place, line, head if moved else place.old)


@pytest.mark.parametrize("moved", [False, True], ids=["before", "after"])
def test_terminated_inside_a_push(place: Place, moved: bool) -> None:
    """No workflow is left to record it; whoever pushed stores what the remote has."""
    head = _inside(place, moved)
    address = f"127.0.0.1:{place.home.environment['CADRE_PORT']}"
    asyncio.run(_terminate(address, "run"))
    until(place.stored().exists, "the stored end")
    _known(place, json.loads(place.stored().read_text()), head if moved else place.old)
    told = place.home.run("logs", "run", "--full").stdout
    assert ("push:origin/main: done" if moved else "push:origin/main: unknown: ") in told


def _inside(place: Place, moved: bool) -> str:
    """Have a push wait, before or after its reference moves; the approved commit."""
    if moved:
        (place.root / "go").touch()
    head = place.approve("push:origin/main")
    until(lambda: place.lines("hook" if moved else "begun"), "the push at the remote")
    return head


def _known(place: Place, line: dict[str, Any], at_remote: str) -> None:
    """The line tells what the remote has, and nothing of the push is left running."""
    assert place.at_remote() == at_remote
    if at_remote == place.old:
        assert (line["state"], line["absent"]) == ("unknown", True)
        assert "origin did not have it then" in line["why"]
    else:
        assert (line["state"], line["commit"]) == ("done", at_remote)
    pid = int((place.lines("hook") or place.lines("begun"))[0])
    until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the push")
    (place.root / "go").touch()
    (place.root / "end").touch()
    assert place.at_remote() == at_remote


async def _terminate(address: str, run: str) -> None:
    client = await Client.connect(address)
    await client.get_workflow_handle(run).terminate("test")
