"""Kills that leave a trace only in the clock: two that stand for the others, which are in
tests/full.

The run ends with the tree and the reports of an undisturbed one, and the ledger of its effects,
which is kept outside the system, is settled.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.chaos.ledger import settle
from tests.chaos.stage import SCENES, Stage, stopped
from tests.e2e.harness import until

EFFECTS = SCENES / "effects.py"


def test_an_answer_that_was_stored_and_not_recorded_is_paid_once(tmp_path: Path) -> None:
    """The server stands still when the answer comes, and never gets to read that it came: it is
    killed together with the worker."""
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", f"{EFFECTS}:slow"):
        stage.begin("killed")
        until(lambda: stage.calls("builder.1", 2), "the call")
        answer = stage.store("killed") / "agents/builder.1/turns/0002.json"
        with stopped(stage.pid("server")):
            assert not answer.exists()
            until(answer.exists, "the stored answer")
            stage.kill("worker", "server")
        outcome = stage.end("killed")
        assert len(stage.calls("builder.1", 2)) == 1, "the retry was served from the store"
        assert stage.retried("killed", "builder.1") == ["model.call"]
        assert outcome == stage.undisturbed()
    settle(tmp_path, stage.repo, "killed")


def test_a_stopped_worker_that_comes_back_changes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", EFFECTS), ExitStack() as second:
        stage.begin("stopped")
        first = until(lambda: stage.half_done("stopped"), "a command at work")
        with stopped(stage.pid("worker")):
            second.enter_context(stage.second_worker())
            # The successor works in a directory of its own; only then does the first one go on.
            until(lambda: set(stage.half_done("stopped")) - set(first), "the second start")
        assert stage.end("stopped") == stage.undisturbed()
        assert stage.retried("stopped", "builder.1") == ["tool.run"]
    settle(tmp_path, stage.repo, "stopped")
