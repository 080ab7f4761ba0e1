"""SIGKILL and cancel inside a merge into a branch of the user's, at exact instants.

The lock of the branch's reference holds the git command that is to move it. The branch's reflog,
which has a line for each move, is the witness.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client

from tests.chaos.stage import stopped
from tests.e2e.harness import PATIENCE_SECONDS, SCENARIOS, git, until
from tests.full.delivering import Held, Place

SCENARIO = SCENARIOS / "approving.py"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place in which a run can begin."""
    place = Place(tmp_path)
    with place.home.up("--scenario", SCENARIO):
        yield place


@pytest.fixture
def held(place: Place) -> Iterator[Held]:
    """`main` is one commit ahead of the run's base, and locked."""
    tree, base = git(place.repo, "rev-parse", "main^{tree}", "main").split()
    theirs = git(place.repo, "commit-tree", tree, "-p", base, "-m", "Theirs")
    git(place.repo, "update-ref", "--create-reflog", "refs/heads/main", theirs)
    place.old = theirs
    held = Held(place.repo)
    yield held
    held.free()


def _merged(place: Place, line: dict[str, Any]) -> None:
    """The branch moved once, to one merge of the run's commit, and the repository is sound."""
    assert (line["state"], line["commit"]) == ("done", git(place.repo, "rev-parse", "main"))
    parents = git(place.repo, "rev-parse", "main^1", "main^2").split()
    assert parents == [place.old, git(place.repo, "rev-parse", "cadre/run")]
    moves = git(place.repo, "reflog", "show", "--format=%gs", "main").splitlines()
    assert moves.count("cadre: delivery") == 1, moves
    git(place.repo, "fsck", "--strict")


@pytest.mark.parametrize("dies", [False, True], ids=["git goes on", "git dies"])
def test_killed_before_the_branch_moves(place: Place, held: Held, dies: bool) -> None:
    """Where the git command of the dead worker goes on, two of them want to move the branch."""
    place.approve("merge:main")
    [first] = until(held.waiting, "the merge")
    assert git(place.repo, "rev-parse", "main") == place.old
    place.kill("worker")
    if dies:
        os.kill(first, signal.SIGKILL)
    until(lambda: set(held.waiting()) - {first}, "the second try")
    assert git(place.repo, "rev-parse", "main") == place.old
    held.free()
    _merged(place, place.delivered())


def test_killed_between_a_branchs_move_and_its_record(place: Place, held: Held) -> None:
    place.approve("merge:main")
    until(held.waiting, "the merge")
    with stopped(place.pid("server")):
        held.free()
        until(lambda: git(place.repo, "rev-parse", "main") != place.old, "the move")
        place.kill("worker", "server")
    _merged(place, place.delivered())


@pytest.mark.parametrize("moves", [False, True], ids=["git dies", "git goes on"])
def test_cancelled_inside_a_merge(place: Place, held: Held, moves: bool) -> None:
    """It is waited for, so its line says how it ended."""
    place.approve("merge:main")
    [first] = until(held.waiting, "the merge")
    assert place.home.run("cancel", "run").returncode == 0
    asyncio.run(_told(f"127.0.0.1:{place.home.environment['CADRE_PORT']}"))
    if not moves:
        os.kill(first, signal.SIGKILL)
    held.free()
    line = place.delivered()
    if moves:
        _merged(place, line)
    else:
        assert git(place.repo, "rev-parse", "main") == place.old
        assert line["state"] in ("not tried", "failed")


async def _told(address: str) -> None:
    """Wait until the activity that moves the branch has heard that it is to end: the answer to a
    heartbeat tells it. One that has ended for it counts as well."""
    handle = (await Client.connect(address)).get_workflow_handle("run")
    beats: set[str] = set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(beats) < 3:
            pending = (await handle.describe()).raw_description.pending_activities
            if not pending:
                return
            if pending[0].state == PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
                beats.add(pending[0].last_heartbeat_time.ToJsonString())
            await asyncio.sleep(0.05)
