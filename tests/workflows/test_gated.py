"""One-shot, scout and build, and stages with gates, with scripted activities."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.client import Client

from cadre.domain.outcomes import RunStatus
from tests.workflows.course import REPORTS, agents, asked, run
from tests.workflows.scripted import Script, report
from workflows.gated import GatedInput
from workflows.one_shot import OneShotInput
from workflows.scout_build import ScoutBuildInput


def given(**fields: Any) -> dict[str, Any]:
    return {"run": f"r-{uuid.uuid4().hex[:8]}", "repo": "/repo", "task": "fix it"} | fields


async def test_one_shot_is_one_agent(client: Client) -> None:
    script = Script(agents())
    result = await run(client, script, OneShotInput(**given()))
    assert (result.status, asked(script)) == (RunStatus.APPROVED, ["worker.1"])
    assert result.summary == "why"
    assert len(script.delivered) == 1


async def test_one_shot_tries_again_where_the_check_fails(client: Client) -> None:
    fails = ("before", "after.worker.1")
    script = Script(agents(), check=lambda request: int(request.name in fails))
    spec = OneShotInput(**given(check="make check", max_rounds=2))
    result = await run(client, script, spec)
    assert (result.status, result.rounds) == (RunStatus.APPROVED, 2)
    assert asked(script) == ["worker.1", "worker.2"]


async def test_a_scout_looks_before_the_builder(client: Client) -> None:
    script = Script(agents())
    result = await run(client, script, ScoutBuildInput(**given(check="make check")))
    assert (result.status, asked(script)) == (RunStatus.APPROVED, ["scout", "builder.1"])
    builder = next(c for c in script.model_calls if c.agent_id == "builder.1")
    assert builder.opening is not None
    assert [item.title for item in builder.opening.context] == ["Report of scout"]


async def test_stages_follow_each_other_through_their_gates(client: Client) -> None:
    commands: list[str] = []

    def check(request: Any) -> int:
        commands.append(request.command)
        return int(request.name == "after.builder.1")

    script = Script(agents(), check=check)
    stages = ("scout", "planner", "builder=make test", "documenter=review")
    result = await run(client, script, GatedInput(**given(stage=stages)))
    assert result.status is RunStatus.APPROVED
    assert asked(script) == [
        "scout.1", "planner.1", "builder.1", "builder.2", "documenter.1", "reviewer.1"
    ]  # fmt: skip
    assert commands == ["make test", "make test"]
    assert [c.author for c in script.commits] == ["builder.1", "builder.2", "documenter.1"]


async def test_a_closed_gate_ends_the_run(client: Client) -> None:
    def review(call: Any) -> Any:
        no = {"verdict": "request_changes", "summary": "no", "findings": []}
        return report(**(REPORTS["reviewer"] | no))

    script = Script(agents(reviewer=review))
    spec = GatedInput(**given(stage=("builder=review", "documenter"), max_rounds=2))
    result = await run(client, script, spec)
    assert (result.status, result.summary) == (RunStatus.NOT_APPROVED, "no")
    assert asked(script) == ["builder.1", "reviewer.1", "builder.2", "reviewer.2"]


async def test_the_runs_own_check_comes_last(client: Client) -> None:
    script = Script(agents(), check=lambda request: int(request.name == "after.all"))
    spec = GatedInput(**given(stage=("builder", "documenter"), check="make check"))
    result = await run(client, script, spec)
    assert (result.status, result.summary) == (RunStatus.NOT_APPROVED, "the check does not pass")


@pytest.mark.parametrize("stage", ["", "=make", "builder="])
def test_a_stage_names_an_agent(stage: str) -> None:
    with pytest.raises(ValidationError, match="neither AGENT nor AGENT=GATE"):
        GatedInput(**given(stage=(stage,)))


def test_the_headcount_counts_rounds() -> None:
    spec = GatedInput(**given(stage=("scout", "builder=review", "builder=make"), max_rounds=2))
    assert spec.headcount() == {"scout": (1, 1), "builder": (2, 4), "reviewer": (1, 2)}
