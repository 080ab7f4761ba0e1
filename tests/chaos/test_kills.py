"""A stop that leaves a trace only in the clock: it stands for the kills, which are in tests/full.

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
