"""`./run demo --crash`: a kill before the user's eyes, and nothing to be seen of it."""

from __future__ import annotations

import json
from pathlib import Path

from cadre.storage import keys
from tests.e2e.harness import Home, git


def test_a_kill_in_the_middle_of_an_edit_leaves_no_trace(tmp_path: Path) -> None:
    home = Home(tmp_path)
    done = home.run("demo", "--crash", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    killed, trees = found["killed"], []
    assert (
        f"SIGKILL to the worker, process {killed['pid']}, in the middle of an edit" in done.stderr
    )
    assert killed["successor"] != killed["pid"]
    for name in ("crashed", "undisturbed"):
        run = found[name]["run"]
        assert found[name]["status"] == "approved"
        trees.append(git(home.state / "samples" / run, "rev-parse", f"cadre/{run}^{{tree}}"))
        record = home.state / "store" / keys.record(run, "builder.1")
        retried = [e["activity"] for e in json.loads(record.read_text()) if e["kind"] == "retried"]
        assert retried == (["tool.run"] if name == "crashed" else [])
    assert trees == [found["crashed"]["tree"], found["undisturbed"]["tree"]]
    assert trees[0] == trees[1]
    assert found["same_tree"] is True
