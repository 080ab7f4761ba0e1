"""Takes pictures for the documents: of a terminal, which is tmux's, and of the Temporal UI."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import FloatRect
from rich.console import Console
from rich.text import Text

from tests.e2e.harness import ROOT, Home
from tests.full.browser import Ui

IMAGES = ROOT / "docs" / "images"
COLUMNS, ROWS = 124, 30
# The UI's menus, and what is left of the page beside them.
LEFT, TOP, WIDTH = 256, 48, 1180
FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


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


def save_terminal(ansi: str, name: str) -> None:
    """The terminal as a picture that needs nothing from elsewhere, such as fonts."""
    lines = ansi.rstrip().splitlines()
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    (IMAGES / f"{name}.svg").write_text(FONT_FACES.sub("", console.export_svg(title="cadre")))


def save_page(ui: Ui, name: str, height: int, width: int = WIDTH) -> None:
    """The page as the browser shows it, without the UI's own menus."""
    ui.page.set_viewport_size({"width": LEFT + width, "height": TOP + height})
    ui.page.wait_for_timeout(1000)  # the tree draws itself anew
    clip: FloatRect = {"x": LEFT, "y": TOP, "width": width, "height": height}
    ui.page.screenshot(path=IMAGES / f"{name}.png", clip=clip)
