"""SIGKILL to the worker inside a command that has half done its edits.

The run ends with the tree and the reports of an undisturbed one, and the ledger of its effects,
which is kept outside the system, is settled. The second tier has the other instants.
"""

from __future__ import annotations

from pathlib import Path

from tests.chaos.ledger import settle
from tests.chaos.stage import SCENES, Stage
from tests.e2e.harness import until


def test_a_worker_killed_inside_a_command_leaves_no_trace(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", SCENES / "effects.py"):
        stage.begin("killed")
        until(lambda: stage.half_done("killed"), "a command at work")
        stage.kill("worker")
        outcome = stage.end("killed")
        assert stage.retried("killed", "builder.1") == ["tool.run"]
        assert outcome == stage.undisturbed()
    settle(tmp_path, stage.repo, "killed")
    settle(tmp_path, stage.repo, "calm")
