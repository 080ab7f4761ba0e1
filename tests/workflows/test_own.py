"""What a pattern of one's own may do: a writer with another report, an agent of any name."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from cadre.domain.outcomes import RunResult, RunStatus
from cadre.domain.turns import ModelCall
from cadre.runtime.events.recording import write_record
from cadre.runtime.settings import Settings
from cadre.storage.objects import Objects
from starters.find import recorded_events
from tests.workflows.own import Own, OwnInput
from tests.workflows.scripted import Script, report, uses


def scribe(call: ModelCall) -> Any:
    return uses("Edit", read_only=False) if call.turn == 1 else report(answer="it is there")


async def own_run(client: Client, script: Script) -> RunResult:
    spec = OwnInput(run=f"r-{uuid.uuid4().hex[:8]}", task="write", repo="/repo")
    async with script.worker(client, spec.run):
        result: RunResult = await client.execute_workflow(
            "own", spec, id=spec.run, task_queue=spec.run, result_type=RunResult
        )
        return result


async def test_a_report_without_a_subject_is_committed(client: Client) -> None:
    script = Script(scribe, workflows=(Own,))
    result = await own_run(client, script)
    assert result.status is RunStatus.APPROVED
    [commit] = script.commits
    assert (commit.subject, commit.body) == ("Work of run", "")


@pytest.mark.parametrize("order", [("", "run"), ("run", "")])
async def test_an_agent_called_run_has_a_record_beside_the_runs(
    client: Client, tmp_path: Path, order: tuple[str, str]
) -> None:
    result = await own_run(client, Script(scribe, workflows=(Own,)))
    settings = Settings(state_dir=tmp_path)
    for agent_id in order:
        await write_record(client, Objects.open(settings.objects_url), result.run, agent_id)
    events = await recorded_events(settings, result.run)
    assert events is not None
    ends = ("run_started", "agent_started", "agent_ended", "run_ended")
    assert [event.kind for event in events if event.kind in ends] == list(ends)
