"""SIGKILL at every instant that a run has something to lose.

Each run ends with the tree and the reports of an undisturbed one, and the ledger of its effects,
which is kept outside the system, is settled.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.ledger import settle, settle_bill
from tests.chaos.scenarios.effects import SLOW_SECONDS
from tests.chaos.scenarios.large import FILES
from tests.chaos.stage import SCENES, Outcome, Stage, objects, stopped
from tests.e2e.harness import git, until

EFFECTS, LARGE = SCENES / "effects.py", SCENES / "large.py"
BOTH = ("worker", "server")

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What comes of a run that nothing happens to."""
    stage = Stage(tmp_path_factory.mktemp("calm"))
    with stage.home.up("--scenario", EFFECTS):
        outcome = stage.undisturbed()
    settle(stage.home.root, stage.repo, "calm")
    return outcome


@pytest.mark.parametrize("names", [("server",), BOTH], ids=" and ".join)
def test_killed_inside_a_command(tmp_path: Path, calm: Outcome, names: tuple[str, ...]) -> None:
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", EFFECTS):
        stage.begin("killed")
        until(lambda: stage.half_done("killed"), "a command at work")
        stage.kill(*names)
        assert stage.end("killed") == calm
        again = ["tool.run"] if "worker" in names else []
        assert stage.retried("killed", "builder.1") == again
    settle(tmp_path, stage.repo, "killed")


@pytest.mark.parametrize("names", [("worker",), BOTH], ids=" and ".join)
def test_killed_while_the_model_answers(
    tmp_path: Path, calm: Outcome, names: tuple[str, ...]
) -> None:
    """The answer stands still in its middle, so the kill hits it there."""
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", f"{EFFECTS}:stalling"):
        stage.begin("killed")
        until(lambda: [c for c in stage.calls("builder.1", 2) if c["paid"]], "half an answer")
        stage.kill(*names)
        assert stage.end("killed") == calm
        assert stage.retried("killed", "builder.1") == ["model.call"]
        assert [c["outcome"] for c in stage.calls("builder.1", 2)] == ["broken", "answered"]
        assert stage.lost("killed") == {"builder.1": 1}
        settle_bill(stage, "killed")
    settle(tmp_path, stage.repo, "killed")


def test_killed_between_a_tools_result_and_its_record(tmp_path: Path, calm: Outcome) -> None:
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", f"{EFFECTS}:unhurried"):
        stage.begin("killed")
        server, results = stage.pid("server"), stage.store("killed") / "agents/builder.1/tools"
        until(lambda: stage.half_done("killed"), "a command at work")
        with stopped(server):
            assert not results.exists(), "the server was stopped too late"
            until(lambda: list(results.glob("0001.*")), "the stored result")
            stage.kill("worker", "server")
        assert stage.end("killed") == calm
        assert stage.retried("killed", "builder.1") == ["tool.run"]
    settle(tmp_path, stage.repo, "killed")


def test_a_worker_that_is_stopped_inside_a_command(tmp_path: Path, calm: Outcome) -> None:
    """The server may give it the command again, as long as its polls are open; so that takes a
    few heartbeat timeouts. It begins all of that when it comes back, in vain."""
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", f"{EFFECTS}:unhurried"), ExitStack() as second:
        stage.begin("stopped")
        worker = stage.pid("worker")
        first = until(lambda: stage.half_done("stopped"), "a command at work")
        with stopped(worker):
            second.enter_context(stage.second_worker())
            # The successor works in a directory of its own; only then does the first one go on.
            until(lambda: set(stage.half_done("stopped")) - set(first), "its second start")
        assert stage.end("stopped") == calm
        assert stage.retried("stopped", "builder.1") == ["tool.run"]
    settle(tmp_path, stage.repo, "stopped")


def test_a_worker_that_is_stopped_while_the_model_answers(tmp_path: Path, calm: Outcome) -> None:
    """Both attempts end; the turn has one answer."""
    stage = Stage(tmp_path)
    with stage.home.up("--scenario", f"{EFFECTS}:slow"), ExitStack() as second:
        stage.begin("stopped")
        worker = stage.pid("worker")
        answer = stage.store("stopped") / "agents/builder.1/turns/0002.json"
        until(lambda: stage.calls("builder.1", 2), "the call")
        with stopped(worker):
            assert not answer.exists(), f"the worker was stopped more than {SLOW_SECONDS} s late"
            second.enter_context(stage.second_worker())
            until(lambda: len(stage.calls("builder.1", 2)) == 2, "its successor's call")
        assert stage.end("stopped") == calm
        assert stage.retried("stopped", "builder.1") == ["model.call"]
    settle(tmp_path, stage.repo, "stopped")


def test_killed_inside_a_snapshot_and_inside_the_delivery(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    theirs = stage.repo / ".git"
    with stage.home.up("--scenario", LARGE):
        stage.begin("killed")
        own = stage.home.state / "runs/killed/repo.git"
        until(own.exists, "the run's repository")
        kept = objects(own)
        until(lambda: kept() > 20, "a snapshot at work")
        stage.kill("worker")
        assert kept() < FILES, "the snapshot was not done"

        delivered = objects(theirs)
        until(lambda: delivered() > 20, "a delivery at work")
        stage.kill("worker")
        assert delivered() < FILES, "the delivery was not done"
        assert git(stage.repo, "branch", "--list", "cadre/*") == ""

        assert stage.end("killed") == stage.undisturbed()
        assert stage.retried("killed", "builder.1") == ["tool.run"]
        assert stage.retried("killed") == ["workspace.deliver"]
    git(stage.repo, "fsck", "--strict")
    named = git(stage.repo, "ls-tree", "-r", "--name-only", "cadre/killed", "large").splitlines()
    assert len(named) == FILES
