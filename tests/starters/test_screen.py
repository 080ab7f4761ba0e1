"""The live view of a run."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from cadre.domain.budget import Spent
from cadre.domain.outcomes import AgentResult, AgentState, PartLine, PartState, RunResult, RunStatus
from cadre.runtime.events import types as e
from starters import cost_of_all
from starters.cost_of_all import Row
from starters.list import listed
from starters.screen import screen
from starters.tree import rows
from starters.view import AgentView, RunView

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("width", [80, 118])
def test_what_an_agent_does_is_cut_and_nothing_else(width: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    agent = AgentView("reviewer.1", "claude-sonnet-5-5", "reviewer", now)
    agent.doing = {"1": "Bash: python3 -m unittest -q with a long row of further arguments" * 2}
    console = Console(width=width, record=True, file=io.StringIO())
    view = RunView(run="r", started=now, agents={"reviewer.1": agent})
    console.print(screen(view, now, 40, width))
    row = next(line for line in console.export_text().splitlines() if "reviewer.1" in line)
    for whole in ("thinking", "claude-sonnet-5-5", "$0.0000"):
        assert whole in row
    assert row.rstrip().endswith("…")
    assert len(row) <= width
    assert ("0%" in row) == (width >= 100), "a narrow terminal has no room for it"
    assert "Bash: pyth" in row


def at(agent_id: str, number: int = 1) -> e.Place:
    workflow = f"r/{agent_id}" if agent_id else "r"
    return e.Place(workflow=workflow, run_id="x", event_id=number, time=NOW, agent_id=agent_id)


def started(agent_id: str) -> e.AgentStarted:
    fields = {"definition": "d", "source": "built-in", "model": "m", "tools": (), "task": "t"}
    return e.AgentStarted(at=at(agent_id), role="worker", **fields)


def ended(agent_id: str, report: dict[str, object] | None = None) -> e.AgentEnded:
    state = AgentState.REPORTED if report is not None else AgentState.REFUSED
    result = AgentResult(
        agent_id=agent_id, state=state, report=report, why="" if report else "refused",
        snapshot="s", turns=1, spent=Spent(),
    )  # fmt: skip
    return e.AgentEnded(at=at(agent_id, 9), close="completed", result=result)


def fan_out(*tasks: str) -> e.RunStarted:
    return e.RunStarted(at=at(""), pattern="fan-out", input={"tasks": list(tasks)})


def lines(view: RunView, height: int = 40, width: int = 120) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(screen(view, NOW, height, width))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_sub_agents_stand_below_those_that_asked_for_them() -> None:
    asked = ("scout", "worker.1", "worker.1/scout.1", "worker.2", "worker.1/scout.2")
    view = RunView.of([*map(started, asked), started("worker.1/scout.1/helper.1")])
    names = [f"{row.branches}{row.name}" for row in rows(view)]
    assert names == [
        "├─ scout",
        "├─ worker.1",
        "│  ├─ scout.1",
        "│  │  └─ helper.1",
        "│  └─ scout.2",
        "└─ worker.2",
    ]


def test_an_agent_whose_asker_is_not_known_has_its_whole_name() -> None:
    [row] = rows(RunView.of([started("worker.1/scout.1")]))
    assert row.name == "worker.1/scout.1"


def test_the_parts_of_a_fan_out() -> None:
    view = RunView.of([fan_out("Draw a cross", "Draw a ring", "Draw a bar", "Draw a star")])
    for agent_id in ("worker.1", "worker.2", "worker.3"):
        view.apply(started(agent_id))
    view.apply(ended("worker.2", {"summary": "s"}))
    view.apply(ended("worker.3"))
    assert [(row.name, row.state, row.now) for row in rows(view)] == [
        ("worker.1", "thinking", "Draw a cross"),
        ("worker.2", "built", "Draw a ring"),
        ("worker.3", "failed", "refused"),
        ("part 4", "waiting", "Draw a star"),
    ]
    commit = "commit by cadre: Merge part 2: Draw a ring"
    view.apply(e.StepFinished(at=at("", 5), activity="workspace.commit", title=commit, seconds=1))
    assert rows(view)[1].state == "integrated"
    left = PartLine(number=1, title="Draw a cross", state=PartState.LEFT_OUT, why="a conflict")
    result = RunResult(run="r", status=RunStatus.PARTLY, parts=(left,))
    view.apply(ended("worker.1", {"summary": "s"}))
    view.apply(e.RunEnded(at=at("", 9), close="completed", result=result))
    assert (rows(view)[0].state, rows(view)[0].now) == ("left out", "Draw a cross: a conflict")


def test_a_long_state_cuts_no_figures() -> None:
    view = RunView.of([fan_out("Draw a cross"), started("worker.1")])
    view.apply(ended("worker.1", {"summary": "s"}))
    why = PartLine(number=1, title="Draw a cross", state=PartState.RESOLVED)
    view.apply(
        e.RunEnded(
            at=at("", 9), close="completed",
            result=RunResult(run="r", status=RunStatus.APPROVED, parts=(why,)),
        )
    )  # fmt: skip
    view.agents["worker.1"].model = "claude-sonnet-5-5"
    [row] = [line for line in lines(view, width=80) if "worker.1" in line]
    assert why.state.value not in row
    for whole in ("claude-sonnet-5-5", " 1 ", "$0.0000", "Draw"):
        assert whole in row


def test_a_splitter_names_the_parts() -> None:
    parts: dict[str, object] = {
        "parts": [{"title": "One", "task": "t"}, {"title": "Two", "task": "t"}]
    }
    view = RunView.of([started("splitter"), ended("splitter", parts)])
    assert [row.now for row in rows(view)][1:] == ["One", "Two"]


def test_on_a_small_terminal_those_who_work_are_seen() -> None:
    many = [f"worker.{number}" for number in range(1, 31)]
    view = RunView.of(map(started, many))
    for agent_id in many[:25]:
        view.apply(ended(agent_id, {"summary": "s"}))
    view.apply(writing("worker.30", "I look"))
    text = lines(view, height=24)
    assert len(text) <= 24
    assert all(any(f"─ {name} " in line for line in text) for name in many[25:])
    assert "   I look" in text
    assert "   and 14 more" in text


def test_runs_can_be_told_apart_on_a_narrow_terminal() -> None:
    row = {
        "run": "fan-out-u44kzu", "pattern": "fan-out", "status": "approved",
        "repo": "/home/somebody/src/bookings", "cost_usd": 0.0247,
        "started": "2026-01-05T09:12:30+00:00", "seconds": 14.1, "open": False,
    }  # fmt: skip

    def drawn(width: int) -> str:
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(listed([row], width))
        return console.export_text().splitlines()[1]

    assert drawn(80).split() == [
        "fan-out-u44kzu", "fan-out", "approved", "bookings", "$0.0247", "01-05", "09:12", "14.1s",
    ]  # fmt: skip
    assert "/home/somebody/src/bookings" in drawn(160)
    assert "2026-01-05T09:12:30+00:00" in drawn(160)


def test_what_runs_cost_on_a_narrow_terminal() -> None:
    row = Row(
        run="fan-out-u44kzu", pattern="fan-out", status="approved", repo="/home/x/src/bookings",
        started=datetime(2026, 1, 5, 9, 12, tzinfo=UTC), cost_usd=Decimal("0.0247"),
    )  # fmt: skip

    def drawn(width: int) -> str:
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(cost_of_all.listed([row], width))
        return console.export_text().splitlines()[1]

    assert drawn(80).split() == [
        "fan-out-u44kzu", "fan-out", "approved", "bookings", "01-05", "09:12", "$0.0247",
    ]  # fmt: skip
    assert "/home/x/src/bookings  2026-01-05 09:12" in drawn(160)


def test_whose_word_is_waited_for_stands_below_the_tree() -> None:
    view = RunView.of([started("worker.1"), started("worker.2")])
    view.apply(e.WaitingChanged(at=at("", 5), what="parts"))
    view.apply(e.WaitingChanged(at=at("worker.2", 5), what="write-1 (ann)"))
    assert "waits for a decision: parts, worker.2/write-1 (ann)" in lines(view)
    view.apply(e.WaitingChanged(at=at("", 6), what=""))
    assert "waits for a decision: worker.2/write-1 (ann)" in lines(view)
    view.apply(ended("worker.2"))
    assert not [line for line in lines(view) if line.startswith("waits")]


def writing(agent_id: str, text: str, attempt: int = 1) -> e.Writing:
    return e.Writing(at=at(agent_id, 0), turn=1, attempt=attempt, text=text, output_chars=len(text))


def test_a_retried_answer_replaces_the_half_written_one() -> None:
    view = RunView.of([started("scout"), writing("scout", "Half an ans")])
    assert "   Half an ans" in lines(view)
    view.apply(writing("scout", "", attempt=2))
    assert not [line for line in lines(view) if "writes" in line]
    view.apply(writing("scout", "Another", attempt=2))
    assert "   Another" in lines(view)
    view.apply(ended("scout", {"summary": "s"}))
    assert not [line for line in lines(view) if "Another" in line]
