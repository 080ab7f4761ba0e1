"""`cadre logs --full`: texts, tool inputs and results uncut, also when the database is gone."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.e2e.harness import SCENARIOS, Home, make_repo
from tests.e2e.scenarios.wordy import LINES, PRINTED, TEXT, THOUGHT

TASK = " ".join(f"word-{n}" for n in range(1, 300))
CHECK = "seq -f 'check %g' 1 500"


def test_nothing_is_cut_now_and_when_the_database_is_gone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    repo = make_repo(tmp_path / "repo", {"a.txt": "a\n"})
    up = ("--scenario", SCENARIOS / "wordy.py")
    with home.up(*up):
        options = ("--repo", repo, "--id", "long", "--check", CHECK, "--json")
        done = home.run("run", "one-shot", TASK, *options)
        assert done.returncode == 0, done.stderr
        short = home.run("logs", "long").stdout
        full = home.run("logs", "long", "--full").stdout
        worker = home.run("logs", "long", "--full", "--agent", "worker.1").stdout
        plain = home.run("logs", "long", "--json").stdout
        told = home.run("logs", "long", "--full", "--json").stdout
    for path in home.state.glob("temporal.db*"):
        path.unlink()
    gone = "runs/long/agents/worker.1/turns/0001.json"
    with home.up(*up):
        later = home.run("logs", "long", "--full").stdout
        (home.state / "store" / gone).unlink()
        last = home.run("logs", "long", "--full")
    assert timeless(later) == timeless(full)
    assert last.returncode == 0, last.stderr
    assert f"({gone} is not in the object store)" in last.stdout
    assert "number 400" in last.stdout

    rows = [line.strip() for line in full.splitlines()]
    for number in (1, LINES // 2, LINES):
        assert f"+line {number} of {LINES}" in rows, "the change"
        assert f"number {number}" in rows, "the output"
    assert rows.count("check 500") == 2, "the output of both checks"
    assert TASK in full
    assert THOUGHT in full
    assert json.dumps(TEXT) in full, "the input of the tool"
    assert PRINTED.replace("\\", "\\\\") in full
    assert "system prompt:" in rows
    assert "\x1b" not in full
    assert len(short) < 5000
    assert [line for line in short.splitlines() if line not in full.splitlines()] == []
    assert "check 500" not in worker
    assert "number 200" in worker

    events = [json.loads(line) for line in told.splitlines()]
    texts = [event.pop("full") for event in events]
    assert events == [json.loads(line) for line in plain.splitlines()], "as without --full"
    whole = [text for each in texts for text in each]
    assert THOUGHT in [text["text"] for text in whole if text["what"] in ("says", "thinks")]


def timeless(log: str) -> list[str]:
    """The lines without their times: the record of a run is written just before it ends."""
    return [re.sub(r"^ *[\d.]+s  ", "", line) for line in log.splitlines()]
