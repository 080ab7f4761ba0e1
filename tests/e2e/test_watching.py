"""`cadre watch` and `cadre logs`: all that happens, once, in order, and later too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.e2e.harness import SCENARIOS, Home, make_repo, pid_of

LEAD = "---\nname: lead\ndescription: Leads.\ntools: Read, Write, Task\n---\n\nYou lead.\n"
FILES = {".claude/agents/lead.md": LEAD, "src/a.txt": "a\n", "docs/b.txt": "b\n"}
CATEGORIES = {
    "agent_created",
    "agent_updated",
    "agent_status_change",
    "agent_log",
    "chat_stream",
    "typing_indicator",
    "system_log",
    "error",
}
# What no history has: it tells of the moment.
PASSING = ("writing", "waits")
Event = dict[str, Any]


def parsed(output: str) -> list[Event]:
    return [json.loads(line) for line in output.splitlines()]


def lasting(events: list[Event]) -> list[Event]:
    return [event for event in events if event["kind"] not in PASSING]


def numbers(events: list[Event]) -> list[tuple[str, int]]:
    return [(event["at"]["workflow"], event["at"]["event_id"]) for event in events]


def test_all_that_happened_is_told_once_and_outlives_the_database(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FILES)
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIOS / "lead.py"):
        done = home.run(
            "run", "one-shot", "See it", "--repo", repo, "--agent", "lead", "--id", "led"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        watched = home.run("watch", "led", "--json")
        assert watched.returncode == 0, watched.stderr
        events = lasting(parsed(watched.stdout))
        middle = len(events) // 2
        rest = home.run("watch", "led", "--json", "--after", events[middle]["place"])
        assert numbers(lasting(parsed(rest.stdout))) == numbers(events[middle + 1 :])
        nowhere = home.run("watch", "led", "--json", "--after", "builder.1:3")
        shown = home.run("show", "led").stdout
    assert nowhere.returncode == 2
    assert nowhere.stderr.count("\n") == 1
    assert {event["category"] for event in events} <= CATEGORIES
    assert all(0 < len(event["summary"].split()) <= 15 for event in events)
    assert len(set(numbers(events))) == len(events)
    assert "\n└─ worker.1 " in shown
    assert "\n   ├─ scout.1 " in shown

    for path in home.state.glob("temporal.db*"):
        path.unlink()
    with home.up("--scenario", SCENARIOS / "lead.py"):
        recorded = parsed(home.run("logs", "led", "--json").stdout)
        below = parsed(home.run("logs", "led", "--json", "--agent", "worker.1").stdout)
        alone = parsed(home.run("logs", "led", "--json", "--agent", "worker.1/worker.1").stdout)
    # The record of a run or an agent is written before its workflow's last steps are over.
    assert set(numbers(recorded)) <= set(numbers(events))
    agents = {event["at"]["agent_id"] for event in recorded}
    asked = {"worker.1/scout.1", "worker.1/scout.2", "worker.1/worker.1"}
    assert agents == {"", "worker.1"} | asked
    assert {event["at"]["agent_id"] for event in below} == {"worker.1"} | asked
    assert {event["at"]["agent_id"] for event in alone} == {"worker.1/worker.1"}
    assert_all_is_kept(home, alone)


def assert_all_is_kept(home: Home, events: list[Event]) -> None:
    """Prompt, messages, tool calls and file changes of the agent that wrote two files."""
    store = home.state / "store"
    answers = [event for event in events if event["kind"] == "model_answered"]
    first = json.loads((store / answers[0]["key"]).read_text())
    assert "Write what was seen" in json.dumps(first["user"])
    assert first["frame"]["system"]
    tools = [event for event in events if event["kind"] == "tool_finished"]
    results = [json.loads((store / tool["key"]).read_text()) for tool in tools]
    assert all(result["content"] for result in results)
    diffs = [(store / tool["change"]["diff_key"]).read_text() for tool in tools if tool["change"]]
    assert [diff.count("+a.txt and b.txt") for diff in diffs] == [1, 1]
    assert ["+++ b/src/seen.txt" in diff for diff in diffs] == [True, False]
    assert all(event["at"]["time"] for event in events)


def test_a_watcher_goes_through_the_death_of_worker_and_server(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {"a.txt": "a\n"})
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIOS / "halting.py") as services:
        begun = home.run(
            "run", "one-shot", "Say it", "--repo", repo, "--id", "said", "--detach", "--json"
        )
        assert begun.returncode == 0, begun.stderr
        watching = home.start("watch", "said", "--json")
        told = events_of(watching)
        earlier = upto(told, lambda e: e["kind"] == "writing" and "I begin with" in e["text"])
        os.kill(pid_of(services, "worker") or 0, signal.SIGKILL)
        seen = upto(told, lambda e: e["kind"] == "writing" and e["attempt"] > 1)
        assert seen[-1]["text"] == ""  # the half-written answer is replaced, first by nothing
        os.kill(pid_of(services, "server") or 0, signal.SIGKILL)
        seen += list(told)
        assert watching.wait(timeout=60) == 0
        watching.communicate()
        whole = parsed(home.run("logs", "said", "--json").stdout)
    assert seen[-1]["kind"] == "run_ended"
    numbered = numbers(lasting(seen))
    assert len(set(numbered)) == len(numbered)
    assert sorted(numbered) == sorted(set(numbers(whole)) - set(numbers(lasting(earlier))))


def events_of(process: subprocess.Popen[str]) -> Iterator[Event]:
    assert process.stdout is not None
    return (json.loads(line) for line in process.stdout)


def upto(events: Iterator[Event], wanted: Callable[[Event], bool]) -> list[Event]:
    """The events up to the first wanted one, and that one."""
    found = []
    for event in events:
        found.append(event)
        if wanted(event):
            return found
    raise AssertionError(f"it did not come after {found[-1:]}")
