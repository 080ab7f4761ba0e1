"""Makes the pictures of docs/approvals.md alone: see tests/full/pictures.py."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from tests.e2e.harness import SCENARIOS, Home, make_repo, until
from tests.e2e.scenarios import approving
from tests.full.browser import Ui, browser, run_ids
from tests.full.camera import save_page, save_terminal, shows, terminal

RUN, PARTS = "greeting", "notes"
# The UI sets a list in as many lines as its columns need.
WIDE = 1480


def result() -> None:
    """A run that asks about its result: in the list, in its details, in the form, on a terminal."""
    with tempfile.TemporaryDirectory(prefix="cadre-") as directory:
        home = Home(Path(directory))
        repo = make_repo(home.root / "greeting", approving.FILES)
        words = ("run", "approval", approving.TASK, "--repo", repo, "--check", approving.CHECK)
        with home.up("--scenario", SCENARIOS / "approving.py") as services:
            home.run(*words, "--id", "earlier", "--detach")
            until(lambda: home.run("approve", "earlier").returncode == 0, "a word")
            home.run("watch", "earlier")
            home.run(*words, "--id", RUN, "--approvers", "ann", "--detach")
            until(lambda: RUN in home.run("approvals").stdout, "a question")
            with terminal(home, "approvals", RUN) as name:
                save_terminal(shows(name, "or cadre reject"), "approvals")
            ids = asyncio.run(run_ids(services["address"], RUN))
            with browser(services["ui_url"]) as ui:
                pages(ui, ids[RUN])


def pages(ui: Ui, run_id: str) -> None:
    """What the UI shows of it."""
    ui.runs()
    ui.sees("result.1")
    save_page(ui, "waiting", 460, WIDE)
    ui.workflow(RUN, run_id, "user-metadata", closed=False)
    told = ui.given("waits for ann") | {"by": "ann", "reason": "It greets."}
    save_page(ui, "question", 1180, WIDE)
    form = ui.form("Update")
    ui.fill(form, "Update", "decide", json.dumps(told))
    save_page(ui, "form", 800)


def agents() -> None:
    """A run whose agents ask: its details, and the terminal where it was started."""
    with tempfile.TemporaryDirectory(prefix="cadre-") as directory:
        home = Home(Path(directory))
        repo = make_repo(home.root / "notes", {"a.txt": "a\n"})
        words = (
            "run", "fan-out", "--task", "Write one.txt", "--task", "Write two.txt", "--repo",
            str(repo), "--permission-mode", "default", "--id", PARTS,
        )  # fmt: skip
        up = home.up("--scenario", SCENARIOS / "asking.py")
        with up as services, terminal(home, *words) as name:
            save_terminal(shows(name, "leaves it open"), "asked")
            until(lambda: home.run("approvals").stdout.count("write-1") == 2, "both ask")
            ids = asyncio.run(run_ids(services["address"], PARTS))
            with browser(services["ui_url"]) as ui:
                ui.workflow(PARTS, ids[PARTS], "user-metadata", closed=False)
                ui.frame("worker.2/write-1 waits for")
                save_page(ui, "agents-ask", 1180)


def main() -> None:
    """Make them."""
    result()
    agents()


if __name__ == "__main__":
    main()
