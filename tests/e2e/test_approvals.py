"""What waits for people, from the command line: the example of docs/approvals.md, and the rest."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

from temporalio.client import Client

from cadre.runtime.devserver import temporal_binary
from tests.e2e.harness import ROOT, SCENARIOS, Home, git, make_repo, pid_of, until

ASKING = SCENARIOS / "asking.py"
PAGE = (ROOT / "docs/approvals.md").read_text()
KEY = "a key of thirty-two characters.."


def waits(home: Home, count: int) -> list[dict[str, Any]]:
    """What waits, once so many questions do."""

    def listed() -> list[dict[str, Any]]:
        done = home.run("approvals", "--json")
        found: list[dict[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else []
        answered = [each for each in found if each["answered"]]
        return answered if len(answered) == count else []

    found: list[dict[str, Any]] = until(listed, f"{count} open questions")
    return sorted(found, key=lambda each: str(each["id"]))


def two_parts(home: Home, repo: Path, run: str, *more: str) -> None:
    """Start a run of two workers that each want to write a file."""
    done = home.run(
        "run", "fan-out", "--task", "Write one.txt", "--task", "Write two.txt", "--repo", repo,
        "--permission-mode", "default", "--id", run, "--detach", *more,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def result_of(home: Home, run: str) -> dict[str, Any]:
    home.run("watch", run)
    found: dict[str, Any] = json.loads(home.run("show", run, "--json").stdout)["result"]
    return found


def kill_worker(home: Home) -> None:
    """SIGKILL to the worker; returns when another one is there."""
    before = pid_of(home.services(), "worker")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: pid_of(home.services(), "worker") not in (None, before), "another worker")


def history(address: str, workflow: str) -> list[str]:
    """The names of the activities that a workflow scheduled."""

    async def fetch() -> list[str]:
        handle = (await Client.connect(address)).get_workflow_handle(workflow)
        return [
            event.activity_task_scheduled_event_attributes.activity_type.name
            async for event in handle.fetch_history_events()
            if event.HasField("activity_task_scheduled_event_attributes")
        ]

    return asyncio.run(fetch())


def test_one_call_is_approved_its_sibling_rejected_with_kills_between(tmp_path: Path) -> None:
    repo, home = make_repo(tmp_path / "repo", {"a.txt": "a\n"}), Home(tmp_path)
    with home.up("--scenario", ASKING):
        two_parts(home, repo, "ask")
        first, second = waits(home, 2)
        assert (first["id"], first["kind"]) == ("worker.1/write-1", "tool")
        assert '"content": "one.txt\\n"' in first["text"]
        assert "the run is in mode default" in first["text"]

        which = home.run("approve", "ask", "--by", "ann")
        assert which.returncode == 2
        assert which.stderr == (
            "cadre: ask waits for 2 decisions, so say which: worker.1/write-1, worker.2/write-1\n"
        )
        wrong = home.run("approve", "ask", "other", "--by", "ann")
        assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
        kill_worker(home)
        approved = home.run("approve", "ask", str(first["id"]), "--by", "ann")
        assert approved.stdout == "ask: worker.1/write-1 approved by ann\n", approved.stderr
        assert [each["id"] for each in waits(home, 1)] == [second["id"]]
    with home.up("--scenario", ASKING) as services:  # a machine that was switched off meanwhile
        [left] = waits(home, 1)
        assert left == second
        shown = home.run("approvals", "ask").stdout
        assert '"file_path": "two.txt"' in shown
        said = home.run("reject", "ask", "--by", "ben", "--reason", "not that file")
        assert "rejected by ben: not that file" in said.stdout
        result = result_of(home, "ask")
        for worker in ("worker.1", "worker.2"):
            activities = history(services["address"], f"ask/{worker}")
            assert activities.count("model.call") == 2
            assert activities.count("tool.run") == 2
        assert home.run("approvals").stdout == "nothing waits for a decision\n"
    assert [part["state"] for part in result["parts"]] == ["integrated", "nothing changed"]
    assert git(repo, "show", "cadre/ask:one.txt") == "one.txt"
    stored = [
        json.loads(path.read_text())
        for path in (home.state / "store/runs/ask/agents/worker.2/tools").glob("*.json")
        if not path.name.endswith(".asked.json")
    ]
    [told] = stored
    assert told["content"] == "Denied: rejected by ben: not that file. Nothing was run."
    assert told["decision"]["subject_sha256"] == second["subject_sha256"]


def test_with_no_ask_nobody_is_asked(tmp_path: Path) -> None:
    repo, home = make_repo(tmp_path / "repo", {"a.txt": "a\n"}), Home(tmp_path)
    with home.up("--scenario", ASKING):
        two_parts(home, repo, "no-ask", "--no-ask")
        result = result_of(home, "no-ask")
    assert {part["state"] for part in result["parts"]} == {"nothing changed"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_documents_example(tmp_path: Path) -> None:
    """docs/approvals.md: the commands as they stand there, and what they print."""
    repo, home = make_repo(tmp_path / "notes", {"a.txt": "a\n"}), Home(tmp_path)
    signed = Home(tmp_path, CADRE_DECISION_KEY=KEY)
    signed.environment |= {n: home.environment[n] for n in ("CADRE_PORT", "CADRE_UI_PORT")}
    start, *commands = [
        shlex.split(line) for line in blocks("sh")[0].replace("\\\n", " ").splitlines() if line
    ]
    expected = blocks("text")[0].splitlines()
    with signed.up("--scenario", ASKING):
        words = [str(repo) if word == "~/notes" else word for word in start[1:]]
        assert signed.run(*words).returncode == 0
        waits(home, 2)
        printed = []
        for command in commands:
            done = signed.run(*command[1:])
            printed += done.stdout.splitlines()
        unsigned = home.run("approve", "notes", "worker.2/write-1", "--by", "ben")
        assert unsigned.returncode == 2
        assert unsigned.stderr.endswith("must be signed here, and this one has no token\n")
        form = signed.run("approve", "notes", "worker.2/write-1", "--by", "ben", "--print").stdout
        send(signed, "notes/worker.2", form)
        result = result_of(signed, "notes")
    assert [without_time(line) for line in printed] == [without_time(line) for line in expected]
    assert [part["state"] for part in result["parts"]] == ["integrated", "integrated"]


def without_time(line: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d", "TIME", line).rstrip()


def send(home: Home, workflow: str, given: str) -> None:
    """A signal by Temporal's own command line."""
    program = temporal_binary()
    assert program is not None
    subprocess.run(
        [
            program, "workflow", "signal", "--workflow-id", workflow, "--name", "decide",
            "--input", given.strip(), "--address", home.services()["address"],
        ],
        check=True, capture_output=True,
    )  # fmt: skip
