"""Agents and their gates of two minds when the rounds are over: a person has the last word."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from temporalio.client import Client

from cadre.domain.outcomes import RunStatus
from tests.workflows.course import REPORTS, agents, asked, run
from tests.workflows.scripted import Script, report
from tests.workflows.test_approval import Delivering
from tests.workflows.test_budget_question import decided
from tests.workflows.test_pipeline import FINDING
from workflows.approval import ApprovalInput
from workflows.gated import GatedInput
from workflows.pipeline import PipelineInput

AGAINST = {"verdict": "request_changes", "summary": "bad", "findings": [FINDING]}


def stubborn() -> Script:
    """Reviewers who always find the same."""
    return Script(agents(reviewer=lambda call: report(**(REPORTS["reviewer"] | AGAINST))))


def given(**fields: Any) -> dict[str, Any]:
    told = {"run": f"r-{uuid.uuid4().hex[:8]}", "repo": "/repo", "task": "fix it", "max_rounds": 2}
    return told | {"ask": True} | fields


@pytest.mark.parametrize("taken", [True, False])
async def test_a_person_takes_it_or_not(client: Client, taken: bool) -> None:
    script, said = stubborn(), ("approve" if taken else "reject", "I looked")
    result, [question] = await decided(client, script, PipelineInput(**given()), said)
    assert (question.id, question.kind) == ("verdict", "verdict")
    for words in ("builder.2 says that it is done", "bad", "**major** a.py:1 wrong sign"):
        assert words in question.text
    assert question.subject_key, "the change is shown with it"
    assert result.status is (RunStatus.APPROVED if taken else RunStatus.NOT_APPROVED)
    assert result.summary == ("approved by ann: I looked; bad" if taken else "bad")
    assert [finding.message for finding in result.findings] == ["wrong sign"], "not forgotten"
    assert result.delivery is not None
    assert asked(script)[2:] == ["builder.1", "reviewer.1", "builder.2", "reviewer.2"]


async def test_stages_go_on_through_a_gate_that_a_person_opens(client: Client) -> None:
    script = stubborn()
    spec = GatedInput(**given(stage=("builder=review", "documenter"), max_rounds=1))
    result, _ = await decided(client, script, spec, ("approve", ""))
    assert result.status is RunStatus.APPROVED
    assert asked(script) == ["builder.1", "reviewer.1", "documenter.1"]


async def test_nobody_in_time_takes_nothing(client: Client) -> None:
    spec = PipelineInput(**given(expire_hours=0.00005, on_expiry="approve"))
    result = await run(client, stubborn(), spec)
    assert result.status is RunStatus.NOT_APPROVED
    assert [decision.id for decision in result.decisions] == ["verdict"]


async def test_nobody_is_asked_where_the_run_does_not_ask(client: Client) -> None:
    result = await run(client, stubborn(), PipelineInput(**given(ask=False)))
    assert (result.status, result.decisions) == (RunStatus.NOT_APPROVED, ())


async def test_a_pattern_that_shows_every_result_asks_once(client: Client) -> None:
    script = Delivering(stubborn().answer)
    result, [question] = await decided(
        client, script, ApprovalInput(**given()), ("approve", "I looked")
    )
    assert question.id == "result.1"
    assert "does not pass" in question.text
    assert result.status is RunStatus.APPROVED
