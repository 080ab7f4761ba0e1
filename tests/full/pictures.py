"""Makes docs/images anew, from real runs that the simulator answers:

    ./run test-full --collect-only -q      (once: installs the browser)
    PYTHONPATH=.:.venv/full/python .venv/bin/python -m tests.full.pictures

Needs tmux, whose screen becomes the picture of the terminal.
"""

from __future__ import annotations

import asyncio
import io
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import FloatRect
from rich.console import Console
from rich.text import Text

from cadre.simulator.sample import SAMPLE_CHECK, SAMPLE_TASK, make_sample
from tests.e2e.harness import ROOT, SCENARIOS, Home, make_repo
from tests.e2e.scenarios.shapes import CHECK, FILES, TASKS
from tests.full.browser import Ui, browser, run_ids

IMAGES = ROOT / "docs" / "images"
COLUMNS, ROWS = 118, 30
# The UI's menus, and what is left of the page beside them.
LEFT, TOP, WIDTH = 256, 48, 1180
FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
# As a user sees it at work: an answer takes as long as a quick model's.
LATENCY = "1.5"
RUN = "back-to-back"


def arguments(repo: Path, run: str, *more: str) -> list[str]:
    return [
        "run", "pipeline", SAMPLE_TASK, "--repo", str(repo), "--check", SAMPLE_CHECK,
        "--id", run, *more,
    ]  # fmt: skip


@contextmanager
def terminal(home: Home, *command: str) -> Iterator[str]:
    """A tmux session that runs `./run …`; yields its name."""
    name = f"cadre-{home.root.name}"
    environment = {**home.environment, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR")
    subprocess.run(
        [
            "tmux", "-L", name, "new-session", "-d", "-s", name,
            "-x", str(COLUMNS), "-y", str(ROWS),
            f"{shlex.join([str(ROOT / 'run'), *command])}; cat",
        ],
        env=environment, check=True,
    )  # fmt: skip
    try:
        yield name
    finally:
        subprocess.run(["tmux", "-L", name, "kill-server"], check=True)


def capture(name: str) -> str:
    """What stands on the terminal, with its colours."""
    command = ["tmux", "-L", name, "capture-pane", "-e", "-p", "-t", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def shows(name: str, text: str, seconds: float = 60) -> str:
    """Wait until `text` stands on the terminal."""
    deadline = time.monotonic() + seconds
    while text not in Text.from_ansi(capture(name)).plain:
        assert time.monotonic() < deadline, capture(name)
        time.sleep(0.1)
    return capture(name)


def save_terminal(ansi: str, file: Path) -> None:
    """The terminal as a picture that needs nothing from elsewhere, such as fonts."""
    lines = ansi.rstrip().splitlines()
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    file.write_text(FONT_FACES.sub("", console.export_svg(title="cadre")))


def save_page(ui: Ui, name: str, height: int) -> None:
    """The page as the browser shows it, without the UI's own menus."""
    ui.page.set_viewport_size({"width": LEFT + WIDTH, "height": TOP + height})
    ui.page.wait_for_timeout(1000)  # the tree draws itself anew
    clip: FloatRect = {"x": LEFT, "y": TOP, "width": WIDTH, "height": height}
    ui.page.screenshot(path=IMAGES / f"{name}.png", clip=clip)


def pages(ui: Ui, ids: dict[str, str]) -> None:
    """Every page of the UI that has a picture."""
    ui.runs()
    ui.sees("once-more")
    save_page(ui, "runs", 460)
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
    fan_out()
    with tempfile.TemporaryDirectory(prefix="cadre-") as directory:
        home = Home(Path(directory))
        repo = home.root / "bookings"
        make_sample(repo)
        with home.up("--simulate", "--latency", LATENCY) as services:
            home.run(*arguments(repo, "too-little-money", "--max-cost", "0.02"))
            with terminal(home, *arguments(repo, RUN, "--scouts", "2")) as name:
                save_terminal(shows(name, "reviewer.1"), IMAGES / "terminal.svg")
                save_terminal(shows(name, "verdict"), IMAGES / "result.svg")
            ids = asyncio.run(run_ids(services["address"], RUN, f"{RUN}/builder.1"))
            home.run(*arguments(repo, "once-more", "--detach"))
            with browser(services["ui_url"]) as ui:
                pages(ui, ids)


if __name__ == "__main__":
    main()
