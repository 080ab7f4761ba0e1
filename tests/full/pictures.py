"""Makes docs/images anew, from real runs that the simulator answers:

    ./run test-full --collect-only -q      (once: installs the browser)
    PYTHONPATH=.:.venv/full/python .venv/bin/python -m tests.full.pictures

Needs tmux, whose screen becomes the picture of the terminal.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from cadre.simulator.sample import SAMPLE_CHECK, SAMPLE_TASK, make_sample
from tests.e2e.harness import SCENARIOS, Home, make_repo
from tests.e2e.scenarios.shapes import CHECK, FILES, TASKS
from tests.full import pictures_of_questions
from tests.full.browser import Ui, browser, run_ids
from tests.full.camera import IMAGES, save_page, save_terminal, shows, terminal

# As a user sees it at work: an answer takes as long as a quick model's.
LATENCY = "1.5"
RUN = "back-to-back"


def arguments(repo: Path, run: str, *more: str) -> list[str]:
    return [
        "run", "pipeline", SAMPLE_TASK, "--repo", str(repo), "--check", SAMPLE_CHECK,
        "--id", run, *more,
    ]  # fmt: skip


def pages(ui: Ui, ids: dict[str, str]) -> None:
    """Every page of the UI that has a picture."""
    ui.runs()
    ui.sees("once-more")
    save_page(ui, "runs", 460, 1480)
    ui.workflow(RUN, ids[RUN], "relationships")
    ui.sees(f"{RUN}/scout.1")
    save_page(ui, "tree", 930)
    ui.workflow(RUN, ids[RUN], "user-metadata")
    ui.frame("The change does the task")
    save_page(ui, "details", 800)
    for name, workflow_id in (("timeline", RUN), ("agent", f"{RUN}/builder.1")):
        ui.workflow(workflow_id, ids[workflow_id], "timeline")
        ui.sees("Timeline")
        save_page(ui, name, 1080)


def fan_out() -> None:
    """The timeline of ten agents at once."""
    with tempfile.TemporaryDirectory(prefix="cadre-") as directory:
        home = Home(Path(directory))
        repo = make_repo(home.root / "shapes", FILES)
        tasks = [word for task in TASKS for word in ("--task", task)]
        with home.up("--scenario", SCENARIOS / "shapes.py", "--latency", LATENCY) as services:
            home.run("run", "fan-out", *tasks, "--repo", repo, "--check", CHECK, "--id", "shapes")
            ids = asyncio.run(run_ids(services["address"], "shapes"))
            with browser(services["ui_url"]) as ui:
                ui.workflow("shapes", ids["shapes"], "timeline")
                ui.sees("Timeline")
                save_page(ui, "fan-out", 2300)


def main() -> None:
    """Make all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    pictures_of_questions.main()
    fan_out()
    with tempfile.TemporaryDirectory(prefix="cadre-") as directory:
        home = Home(Path(directory))
        repo = home.root / "bookings"
        make_sample(repo)
        with home.up("--simulate", "--latency", LATENCY) as services:
            home.run(*arguments(repo, "too-little-money", "--max-cost", "0.02"))
            with terminal(home, *arguments(repo, RUN, "--scouts", "2")) as name:
                save_terminal(shows(name, "reviewer.1"), "terminal")
                save_terminal(shows(name, "verdict"), "result")
            ids = asyncio.run(run_ids(services["address"], RUN, f"{RUN}/builder.1"))
            home.run(*arguments(repo, "once-more", "--detach"))
            with browser(services["ui_url"]) as ui:
                pages(ui, ids)


if __name__ == "__main__":
    main()
