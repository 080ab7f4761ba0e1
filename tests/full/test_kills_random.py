"""A run of several agents whose processes are killed and stopped at random, again and again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.ledger import settle, settle_bill
from tests.chaos.stage import SCENES, Outcome, Stage, stopped
from tests.e2e.harness import pid_of, until

EFFECTS = SCENES / "effects.py"
BLOWS = 6
LONGEST_PAUSE_SECONDS = 2.5
# Past the heartbeat timeout, so that the engine gives it up before it comes back.
STOP_SECONDS = 12.0


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What comes of the run when nothing happens to it."""
    stage = Stage(tmp_path_factory.mktemp("calm"))
    with stage.home.up("--scenario", EFFECTS):
        return stage.undisturbed("--scouts", "3")


def kill(*names: str) -> Callable[[Stage], None]:
    """SIGKILL these services, as far as they run just now."""

    def strike(stage: Stage) -> None:
        services = stage.home.services()
        for name in names:
            pid = pid_of(services, name)
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    return strike


def stop(stage: Stage) -> None:
    """Stop the worker for a while; it is its own successor then."""
    with stopped(stage.pid("worker")):
        time.sleep(STOP_SECONDS)


BLOW = (kill("worker"), kill("worker"), kill("server"), kill("worker", "server"), stop)


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` holds within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_blows_at_random_leave_no_trace(tmp_path: Path, calm: Outcome, seed: int) -> None:
    chance, stage = random.Random(seed), Stage(tmp_path)
    with stage.home.up("--scenario", EFFECTS):
        stage.begin("struck", "--scouts", "3")
        ended = stage.store("struck") / "record" / "run.json"
        for blow in range(BLOWS):
            if wait(ended.exists, chance.uniform(0, LONGEST_PAUSE_SECONDS)):
                assert blow > 0, "the run was over before the first blow"
                break
            chance.choice(BLOW)(stage)
        until(lambda: stage.home.run("list").returncode == 0, "a server that answers")
        assert stage.end("struck") == calm
        settle_bill(stage, "struck")
    settle(tmp_path, stage.repo, "struck")
