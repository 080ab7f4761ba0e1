"""The benchmark of the price runs, and compares like with like."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPARED = (
    "seconds of one agent, p50",
    "model calls a second, many at once",
    "CPU seconds of the worker, an agent",
    "CPU seconds of the server, an agent",
    "CPU seconds of the simulator, an agent",
    "history events of an agent",
    "history bytes of an agent",
    "model calls answered",
)
ALONE = (
    "the model calls of one agent alone, s, p50",
    "history bytes of turn 40",
    "turn 40 to turn 4",
    "take the workspace (1,000 files)",
    "snapshot it with one changed file",
    "restore it after a dead attempt",
    "Bash: true (bubblewrap)",
    "Read (bubblewrap)",
    "store a transcript's segment of 20 KB",
)


def numbers(printed: str, name: str) -> list[float]:
    row = re.search(rf"^ *{re.escape(name)}(.*)$", printed, re.MULTILINE)
    assert row is not None, f"{name!r} is not in:\n{printed}"
    found = re.findall(r"(?<!\S)[\d,.]+(?!\S)", row[1])
    return [float(number.replace(",", "")) for number in found]


def test_it_prints_every_row_and_both_make_the_same_calls() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.overhead", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for name in COMPARED:
        floor, cadre, *_ = numbers(done.stdout, name)
        assert floor > 0, name
        assert cadre > 0, name
    for name in ALONE:
        assert numbers(done.stdout, name)[0] > 0, name
    # Two in a row, four at once, and as many to get warm: 11 agents of 6 calls each.
    assert numbers(done.stdout, "model calls answered") == [66, 66]
    assert "42 turns with 20 KB each: reported" in done.stdout
