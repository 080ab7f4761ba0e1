"""A worker and a server that die between an answer and its record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.ledger import settle
from tests.chaos.scenarios.effects import SLOW_SECONDS
from tests.chaos.stage import SCENES, Stage, stopped
from tests.e2e.harness import until

EFFECTS = SCENES / "effects.py"

pytestmark = pytest.mark.timeout(900)


def test_an_answer_that_was_stored_and_not_recorded_is_paid_once(tmp_path: Path) -> None:
    """The server stands still when the answer comes, and never gets to read that it came: it is
    killed together with the worker."""
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", f"{EFFECTS}:slow"):
        stage.begin("killed")
        server = stage.pid("server")
        answer = stage.store("killed") / "agents/builder.1/turns/0002.json"
        until(lambda: stage.calls("builder.1", 2), "the call")
        with stopped(server):
            assert not answer.exists(), f"the server was stopped more than {SLOW_SECONDS} s late"
            until(answer.exists, "the stored answer")
            stage.kill("worker", "server")
        outcome = stage.end("killed")
        assert len(stage.calls("builder.1", 2)) == 1, "the retry was served from the store"
        assert stage.retried("killed", "builder.1") == ["model.call"]
        assert outcome == stage.undisturbed()
    settle(tmp_path, stage.repo, "killed")
