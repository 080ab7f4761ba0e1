"""What agents ask, in Temporal's web UI: from the list of runs to a call, and by its form on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.e2e.harness import SCENARIOS, Home, git, make_repo, until
from tests.full.browser import SECONDS, Ui, browser, run_ids

NAMES = ("worker.1/write-1", "worker.2/write-1")


def test_a_runs_page_leads_to_what_its_agents_ask(tmp_path: Path) -> None:
    repo, home = make_repo(tmp_path / "notes", {"a.txt": "a\n"}), Home(tmp_path)
    with home.up("--scenario", SCENARIOS / "asking.py") as services:
        done = home.run(
            "run", "fan-out", "--task", "Write one.txt", "--task", "Write two.txt", "--repo", repo,
            "--permission-mode", "default", "--id", "notes", "--detach",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        until(lambda: all(n in home.run("approvals").stdout for n in NAMES), "both questions")
        listed = home.run("approvals").stdout
        assert [listed.count(name) for name in NAMES] == [1, 1]
        ids = asyncio.run(run_ids(services["address"], "notes"))
        with browser(services["ui_url"]) as ui:
            answer(home, ui, ids["notes"])
        until(lambda: NAMES[0] not in home.run("approvals").stdout, "one is decided")
        assert home.run("approve", "notes", "--by", "ben").returncode == 0
        assert home.run("watch", "notes").returncode == 0
        received = decisions(home)
    assert [event["summary"] for event in received] == [
        "write-1: approve by ann", "write-1: approve by ben",
    ]  # fmt: skip
    assert git(repo, "show", "cadre/notes:one.txt") == "one.txt"


def answer(home: Home, ui: Ui, run_id: str) -> None:
    """Approve what the first worker asks, without knowing where that is."""

    def named() -> bool:
        ui.runs()
        ui.sees("notes")
        return f"agents: {', '.join(NAMES)}" in ui.page.locator("tbody").inner_text()

    until(named, "the column CadreWaiting names both")
    ui.workflow("notes", run_id, "user-metadata", closed=False)
    link = ui.frame("worker.1/write-1 waits for anybody").get_by_role("link").first
    with ui.page.context.expect_page(timeout=SECONDS * 1000) as opened:
        link.click()
    agent = ui.at(opened.value)
    told = agent.given("worker.1 wants to run this") | {"by": "ann"}
    form = agent.form("Update")
    agent.fill(form, "Update", "decide", json.dumps(told))
    agent.submit(form)


def decisions(home: Home) -> list[dict[str, str]]:
    """What people said, in the order in which it came."""
    lines = home.run("logs", "notes", "--json").stdout.splitlines()
    return [e for e in map(json.loads, lines) if e["kind"] == "decision_received"]
