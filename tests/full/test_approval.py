"""Build, review, a person's word, delivery; with kills while they think and while it goes on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import ROOT, SCENARIOS, Home, git, make_repo, pid_of, until
from tests.e2e.scenarios.approving import CHECK, FILES, TASK
from tests.e2e.scenarios.shapes import CONFLICTS
from tests.e2e.scenarios.shapes import FILES as SHAPES

NAMES = "Give the shape {name} the name 'the {name}'."
SCENARIO = SCENARIOS / "approving.py"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository whose checkout is on a branch of its own, with a bare remote beside it."""
    path = make_repo(tmp_path / "repo", FILES)
    git(path, "config", "user.name", "Tester")
    git(path, "config", "user.email", "tester@example.invalid")
    git(tmp_path, "clone", "-q", "--bare", str(path), "origin.git")
    git(path, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(path, "switch", "-q", "-c", "mine")
    return path


def begin(home: Home, repo: Path, run: str, *options: str) -> None:
    done = home.run(
        "run", "approval", TASK, "--repo", repo, "--check", CHECK, "--id", run, "--detach", *options
    )
    assert done.returncode == 0, done.stderr


def waiting(home: Home, run: str, question: str) -> dict[str, Any]:
    """The run's question, once it is asked."""

    def found() -> dict[str, Any] | None:
        return next((each for each in questions(home, run) if each["id"] == question), None)

    asked: dict[str, Any] = until(found, f"{run} asks {question}")
    return asked


def say(home: Home, verb: str, run: str, question: str, reason: str = "") -> None:
    """A person's word, once a worker is there to take it."""

    def taken() -> bool:
        done = home.run(verb, run, question, "--by", "ann", "--reason", reason)
        return done.returncode == 0

    until(taken, f"{verb} {question}")


def ended(home: Home, run: str) -> dict[str, Any]:
    """The run's result, once it has ended."""
    home.run("watch", run)
    shown = json.loads(home.run("show", run, "--json").stdout)
    found: dict[str, Any] = shown["result"]
    return found


def test_approve_and_merge(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    before = git(repo, "status", "--porcelain"), git(repo, "rev-parse", "HEAD")
    with home.up("--scenario", SCENARIO):
        begin(home, repo, "one", "--deliver", "merge:main", "--deliver", "push:origin/main")
        asked = waiting(home, "one", "result.1")
        head = git(repo, "rev-parse", "cadre/one")
        assert head in asked["text"]
        say(home, "approve", "one", "result.1")
        result = ended(home, "one")
    assert result["status"] == "approved", result
    assert [line["state"] for line in result["deliveries"]] == ["done", "done"]
    assert (
        git(repo, "rev-parse", "main") == head == git(tmp_path / "origin.git", "rev-parse", "main")
    )
    assert (git(repo, "status", "--porcelain"), git(repo, "rev-parse", "HEAD")) == before


def test_reject_edit_and_approve_with_a_kill_while_a_person_thinks(
    tmp_path: Path, repo: Path
) -> None:
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIO):
        begin(home, repo, "two", "--deliver", "push:origin")
        waiting(home, "two", "result.1")
        say(home, "reject", "two", "result.1", "greet 'the moon' instead")
        waiting(home, "two", "result.2")
        assert git(repo, "show", "cadre/two:greeting.txt") == "Hello, the moon."

        git(repo, "switch", "-q", "cadre/two")
        (repo / "greeting.txt").write_text("Hello, dear moon\n")
        git(repo, "commit", "-qam", "Be kinder")
        os.kill(pid_of(home.services(), "worker") or 0, signal.SIGKILL)
        say(home, "edited", "two", "result.2")
        asked = waiting(home, "two", "result.3")
        assert "does not pass" in asked["text"]
        assert "no full stop" in asked["text"]

        (repo / "greeting.txt").write_text("Hello, dear moon.\n")
        git(repo, "commit", "-qam", "Stop")
        say(home, "approve", "two", "result.3")
        assert "void" in waiting(home, "two", "result.4")["text"]
        say(home, "edited", "two", "result.4")
        assert "It says: Hello, dear moon." in waiting(home, "two", "result.5")["text"]
        say(home, "approve", "two", "result.5")
        result = ended(home, "two")
    assert result["status"] == "approved", result
    assert [d["verdict"] for d in result["decisions"]] == [
        "reject", "edit", "approve", "edit", "approve"
    ]  # fmt: skip
    tip = git(repo, "rev-parse", "cadre/two")
    assert git(tmp_path / "origin.git", "rev-parse", "cadre/two") == tip
    assert git(repo, "log", "--format=%s", "main..cadre/two").splitlines() == [
        "Stop", "Be kinder", "Greet", "Greet"
    ]  # fmt: skip


def test_a_kill_within_a_command_is_for_a_person_to_settle(tmp_path: Path, repo: Path) -> None:
    """It appends a line and waits for a file, so that a kill meets it in the middle."""
    log, go_on = tmp_path / "deployed", tmp_path / "go-on"
    command = f'echo "$CADRE_COMMIT" >> {log}; while [ ! -e {go_on} ]; do sleep 0.1; done'
    home = Home(tmp_path, CADRE_DELIVERY_COMMANDS=json.dumps({"deploy": command}))
    with home.up("--scenario", SCENARIO):
        begin(home, repo, "three", "--deliver", "command:deploy", "--deliver", "merge:main")
        waiting(home, "three", "result.1")
        say(home, "approve", "three", "result.1")
        until(log.exists, "the command")
        os.kill(pid_of(home.services(), "worker") or 0, signal.SIGKILL)
        asked = waiting(home, "three", "delivery.1.done")
        assert "Nobody knows whether" in asked["text"]
        assert len(log.read_text().splitlines()) == 1
        say(home, "reject", "three", "delivery.1.done", "it hung")
        waiting(home, "three", "delivery.1.again")
        go_on.touch()
        say(home, "approve", "three", "delivery.1.again")
        result = ended(home, "three")
    assert [line["state"] for line in result["deliveries"]] == ["done", "done"]
    head = git(repo, "rev-parse", "main")
    assert log.read_text().splitlines() == [head, head], "once, and once more by a person's word"


def test_a_fan_out_with_a_conflict_for_a_person_is_approved_and_merged(tmp_path: Path) -> None:
    shapes = make_repo(tmp_path / "shapes", SHAPES)
    git(shapes, "config", "user.name", "Tester")
    git(shapes, "config", "user.email", "tester@example.invalid")
    git(shapes, "switch", "-q", "-c", "mine")
    home = Home(tmp_path)
    tasks = [word for name in CONFLICTS for word in ("--task", NAMES.format(name=name))]
    with home.up("--scenario", SCENARIOS / "unsettled.py"):
        begun = home.run(
            "run", "fan-out", *tasks, "--repo", shapes, "--check", CHECK, "--id", "fan", "--ask",
            "--deliver", "merge:main", "--detach",
        )  # fmt: skip
        assert begun.returncode == 0, begun.stderr
        asked = until(lambda: questions(home, "fan"), "a question about the part in conflict")
        assert "shapes/names.py" in asked[0]["text"]
        part = asked[0]["id"]
        own = f"cadre/fan+{part.removeprefix('part.')}"
        say(home, "edited", "fan", part)  # too early: it is as it was
        again = waiting(home, "fan", f"{part}.2")
        assert "in conflict still" in again["text"]

        git(shapes, "switch", "-q", own)
        merge = ["git", "-C", str(shapes), "merge", "-q", "cadre/fan"]
        assert subprocess.run(merge, capture_output=True, check=False).returncode == 1
        names = shapes / "shapes/names.py"
        lines = names.read_text().splitlines()
        names.write_text("\n".join(n for n in lines if n[:1] not in "<=>") + "\n")
        git(shapes, "commit", "-qam", "Settle it")
        git(shapes, "switch", "-q", "mine")
        say(home, "edited", "fan", f"{part}.2")
        assert "2 of 2 parts are in" in waiting(home, "fan", "result.1")["text"]
        say(home, "approve", "fan", "result.1")
        result = ended(home, "fan")
    assert (result["status"], result["deliveries"][0]["state"]) == ("approved", "done")
    assert "settled by ann" in {line["why"] for line in result["parts"]}
    assert git(shapes, "rev-parse", "main") == git(shapes, "rev-parse", "cadre/fan")
    merged = git(shapes, "show", "main:shapes/names.py")
    assert [f'"{name}": "the {name}"' in merged for name in CONFLICTS] == [True, True]


def questions(home: Home, run: str) -> list[dict[str, Any]]:
    """What the run asks now."""
    listed = home.run("approvals", "--json")
    lines = json.loads(listed.stdout) if listed.returncode == 0 else []
    return [line for line in lines if line["run"] == run]


def test_the_documents_example(tmp_path: Path) -> None:
    """docs/delivery.md: the commands as they stand there, and what they print."""
    text = (ROOT / "docs/delivery.md").read_text()
    script = text.partition("```sh\n")[2].partition("```")[0].replace("\\\n", " ")
    start, *others = [shlex.split(line)[1:] for line in script.splitlines()]
    shown, ended_with = (block.splitlines()[1:] for block in text.split("```")[5:9:2])
    greeting = make_repo(tmp_path / "greeting", FILES)
    git(greeting, "switch", "-q", "-c", "mine")
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIO):
        done = home.run(*[str(greeting) if word == "~/greeting" else word for word in start])
        assert done.returncode == 0, done.stderr
        waiting(home, "greeting", "result.1")
        said = [home.run(*words).stdout for words in others]
    assert (len(shown), len(ended_with)) == (6, 4)
    assert [line for line in shown if line not in said[0]] == []
    assert [line for line in ended_with if line not in said[-1]] == []
