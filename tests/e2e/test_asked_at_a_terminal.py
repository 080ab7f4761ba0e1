"""`cadre run` on a terminal asks what the run and its agents wait for, one after the other."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import PATIENCE_SECONDS, ROOT, SCENARIOS, Home, git, make_repo

PROMPT = "Enter leaves it open: "
CURSOR_UP = "\x1b[1A"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A terminal with `./run …` in it, and what stood on it so far."""

    def __init__(self, home: Home, *arguments: str | Path) -> None:
        self._end, inner = pty.openpty()
        self.process = subprocess.Popen(
            [ROOT / "run", *arguments],
            env=home.environment | {"TERM": "xterm", "COLUMNS": "150", "LINES": "40"},
            stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
        )  # fmt: skip
        os.close(inner)
        os.set_blocking(self._end, False)
        self.text = self.raw = ""
        self._read = 0

    def until(self, words: str) -> str:
        """What came since the last time, up to these words."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (at := self.text.find(words, self._read)) < 0:
            if time.monotonic() > deadline:
                pytest.fail(f"{words!r} does not come after {self.text[-2000:]}")
            try:
                more = os.read(self._end, 65536).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:  # nobody has it open any more
                pytest.fail(f"{words!r} did not come: {self.text[-2000:]}")
            else:
                self.raw += more
                self.text += ESCAPES.sub("", more).replace("\r\n", "\n")
        start, self._read = self._read, at + len(words)
        return self.text[start : self._read]

    def type(self, line: str, end: str = "\n") -> None:
        os.write(self._end, f"{line}{end}".encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._end)


@contextmanager
def terminal(home: Home, *arguments: str | Path) -> Iterator[Terminal]:
    found = Terminal(home, *arguments)
    try:
        yield found
    finally:
        found.close()


def test_a_person_answers_agents_at_the_terminal_of_the_run(tmp_path: Path) -> None:
    repo, home = make_repo(tmp_path / "repo", {"a.txt": "a\n"}), Home(tmp_path)
    asking = (
        "run", "fan-out", "--task", "Write one.txt", "--task", "Write two.txt", "--task",
        "Write three.txt", "--repo", repo, "--permission-mode", "default", "--id",
    )  # fmt: skip
    with home.up("--scenario", SCENARIOS / "asking.py"):
        with terminal(home, *asking, "here") as here:
            first = here.until(PROMPT)
            name = re.findall(r"here  (worker\.\d)/write-1", first)[-1]
            file = ["one.txt", "two.txt", "three.txt"][int(name[-1]) - 1]
            assert f'"file_path": "{file}"' in first
            assert f'"content": "{file}\\n"' in first
            here.type("maybe")
            here.until("'maybe' is no answer here")
            here.until(PROMPT)
            elsewhere = home.run("approve", "here", f"{name}/write-1", "--by", "ann")
            assert elsewhere.returncode == 0, elsewhere.stderr
            here.type("n too late")
            here.until("cadre: here: write-1 is decided already: approved by ann\n")
            here.until(PROMPT)
            here.type("n not that file")
            assert "rejected by" in here.until(": not that file\n")
            here.until(PROMPT)
            after = here.raw.rpartition(": not that file\r\n")[2]
            assert CURSOR_UP not in after.partition("here  ")[0], "drawn over what was said"
            here.type("y")
            here.until("approved by")
            here.until("verdict")
            here.until("UI ")
            assert here.process.wait(timeout=PATIENCE_SECONDS) == 0
        assert len(git(repo, "diff", "--name-only", "main", "cadre/here").splitlines()) == 2

        with terminal(home, *asking, "left") as left:
            left.until(PROMPT)
            left.type("\x04", end="")
            left.until("\nworker.")
            left.until(" is left open: `cadre approve left worker.")
            left.until(PROMPT)
            os.killpg(left.process.pid, signal.SIGINT)
            left.until("\ncadre: the run goes on: `cadre watch left` follows it")
            assert left.process.wait(timeout=PATIENCE_SECONDS) == 130
        assert "left  worker.1/write-1" in home.run("approvals").stdout
