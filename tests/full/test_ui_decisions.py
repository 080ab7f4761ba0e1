"""What waits for a person, in Temporal's web UI, and answered by the UI's own forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import SCENARIOS, Home, make_repo, until
from tests.e2e.scenarios.approving import CHECK, FILES, TASK
from tests.full.browser import Ui, browser


@dataclass(frozen=True)
class Waiting:
    """A machine, and a browser on its UI."""

    home: Home
    ui: Ui
    repo: Path

    def begin(self, run: str) -> None:
        """Start a run, wait until it asks, and open its details."""
        done = self.home.run(
            "run", "approval", TASK, "--repo", self.repo, "--check", CHECK, "--id", run, "--detach"
        )
        assert done.returncode == 0, done.stderr
        until(lambda: run in self.home.run("approvals").stdout, f"{run} asks")
        self.ui.workflow(run, self.events(run)[0]["at"]["run_id"], "user-metadata", closed=False)

    def events(self, run: str) -> list[dict[str, Any]]:
        """What happened so far."""
        return [
            json.loads(line) for line in self.home.run("logs", run, "--json").stdout.splitlines()
        ]

    def given(self) -> dict[str, Any]:
        """The JSON that the details name as the answer."""
        return self.ui.given("waits for anybody")


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    home = Home(tmp_path_factory.mktemp("home"))
    repo = make_repo(home.root / "repo", FILES)
    up = home.up("--scenario", SCENARIOS / "approving.py")
    with up as services, browser(services["ui_url"]) as ui:
        yield Waiting(home, ui, repo)


@pytest.mark.parametrize("what", ["Update", "Signal"])
def test_a_run_is_approved_by_a_form_of_the_ui(waiting: Waiting, what: str) -> None:
    run = f"by-{what.lower()}"
    waiting.begin(run)
    given = waiting.given()
    assert {"id", "verdict", "by"} <= given.keys()
    form = waiting.ui.form(what)
    told = given | {"by": "ann", "reason": "It greets."}
    waiting.ui.fill(form, what, "decide", json.dumps(told))
    waiting.ui.submit(form)
    watched = waiting.home.run("watch", run)
    assert watched.returncode == 0, watched.stdout + watched.stderr
    [received] = [event for event in waiting.events(run) if event["kind"] == "decision_received"]
    assert (received["by"], received["given"]["reason"]) == ("ann", "It greets.")
    assert received["summary"] == f"{given['id']}: approve by ann: It greets."


def test_a_malformed_signal_is_refused_and_the_run_goes_on(waiting: Waiting) -> None:
    waiting.begin("malformed")
    form = waiting.ui.form("Signal")
    waiting.ui.fill(form, "Signal", "decide", '{"id": 3}')
    waiting.ui.submit(form)
    waiting.ui.page.reload()
    waiting.ui.frame("refused:")
    [refused] = [e for e in waiting.events("malformed") if e["kind"] == "decision_refused"]
    assert refused["category"] == "error"
    assert refused["why"].startswith("id: ")
    assert "malformed" in waiting.home.run("approvals").stdout
    done = waiting.home.run("approve", "malformed", "--by", "ann")
    assert done.returncode == 0, done.stdout + done.stderr
    assert waiting.home.run("watch", "malformed").returncode == 0
