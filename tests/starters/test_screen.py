"""The live view on a narrow terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from starters.screen import screen
from starters.view import AgentView, RunView


@pytest.mark.parametrize("width", [80, 118])
def test_what_an_agent_does_is_cut_and_nothing_else(width: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    agent = AgentView("reviewer.1", "claude-sonnet-5-5", "reviewer", now)
    agent.doing = {"1": "Bash: python3 -m unittest -q with a long row of further arguments" * 2}
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(screen(RunView(run="r", started=now, agents={"reviewer.1": agent}), 1.0, {}))
    row = next(line for line in console.export_text().splitlines() if "reviewer.1" in line)
    for whole in ("thinking", "claude-sonnet-5-5", "$0.0000"):
        assert whole in row
    assert row.rstrip().endswith("…")
    assert len(row) <= width
