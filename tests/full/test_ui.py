"""What a user sees of a run in Temporal's web UI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.harness import Home
from tests.full.browser import COLUMNS, Ui, browser, run_ids

AGENTS = ("scout", "planner", "builder.1", "reviewer.1")


@dataclass(frozen=True)
class Shown:
    """The demo's run in the UI: its ID, and the run IDs of its workflows."""

    ui: Ui
    run: str
    run_ids: dict[str, str]

    def open(self, tab: str, agent: str = "") -> None:
        workflow_id = f"{self.run}/{agent}" if agent else self.run
        self.ui.workflow(workflow_id, self.run_ids[workflow_id], tab)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    home = Home(tmp_path_factory.mktemp("home"))
    with home.up("--simulate") as services:
        done = home.run("demo", "--json")
        assert done.returncode == 0, done.stderr
        run = json.loads(done.stdout)["run"]
        names = (run, *(f"{run}/{agent}" for agent in AGENTS))
        ids = asyncio.run(run_ids(services["address"], *names))
        with browser(services["ui_url"]) as ui:
            yield Shown(ui, run, ids)


def test_runs_stand_in_a_list_with_their_status_and_cost(shown: Shown) -> None:
    shown.ui.runs()
    shown.ui.sees(shown.run)
    page = shown.ui.page
    heads = [text.strip() for text in page.locator("th").all_inner_texts()]
    assert [head for head in heads if head in COLUMNS] == list(COLUMNS)
    rows = page.locator("tbody tr").all_inner_texts()
    [row] = [text for text in rows if shown.run in text]
    assert "approved" in row
    assert "0.05" in row
    assert not [text for text in rows if f"{shown.run}/" in text], "agents are not in it"


def test_a_runs_tree_has_its_four_agents(shown: Shown) -> None:
    shown.open("relationships")
    for agent in AGENTS:
        shown.ui.sees(f"{shown.run}/{agent}")


def test_details_tell_how_it_ended_and_who_did_what(shown: Shown) -> None:
    shown.open("user-metadata")
    frame = shown.ui.frame("The change does the task")
    assert frame.locator("h3").inner_text() == "approved"
    facts = frame.locator("li").all_inner_texts()
    assert f"Branch cadre/{shown.run}: 1 file, +1 −1" in facts
    assert {"Check before: fails", "Check after: passes"} <= set(facts)
    head, *rows = [
        [cell.strip(" \u2003\u200b") for cell in row.locator("th, td").all_inner_texts()]
        for row in frame.locator("tr").all()
    ]
    assert head == ["agent", "state", "model", "turns", "cost"]
    assert [(row[0], row[1]) for row in rows] == [(agent, "reported") for agent in AGENTS]
    assert all(row[4].startswith("$0.0") for row in rows)
    assert "A room cannot be booked" in shown.ui.frame("Repository:").locator("body").inner_text()


def test_an_agents_timeline_names_each_turn_and_tool(shown: Shown) -> None:
    shown.open("timeline", "builder.1")
    for summary in (
        "builder.1 · turn 1 · Read: bookings/interval.py",
        "builder.1 · turn 2 · Edit: bookings/interval.py",
        "builder.1 · turn 3 · Bash: python3 -m unittest -q",
        "builder.1 · turn 4 · claude-sonnet-5-5",
    ):
        shown.ui.sees(summary)


def test_a_runs_timeline_names_its_agents_and_steps(shown: Shown) -> None:
    shown.open("timeline")
    for summary in (
        "planner · claude-opus-5-5",
        "check before: python3 -m unittest -q",
        "commit by builder.1: Let touching intervals not overlap",
        f"deliver branch cadre/{shown.run}",
    ):
        shown.ui.sees(summary)


def test_search_attributes(shown: Shown) -> None:
    shown.open("search-attributes")
    for line in ('"CadreStatus": "approved"', '"CadrePattern": "pipeline"'):
        shown.ui.sees(line)


def test_an_agents_details_name_its_definition_and_task(shown: Shown) -> None:
    shown.open("user-metadata", "reviewer.1")
    text = shown.ui.frame("Definition: reviewer (built-in)").locator("body").inner_text()
    assert "Bash" in text
