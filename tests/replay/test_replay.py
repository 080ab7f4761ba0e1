"""Stored histories of real runs still fit the workflows: a change that does not is seen here."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import NondeterminismError

from workers.worker import SHARED
from workflows.registry import workflows

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def replayer() -> Replayer:
    """With all of the workflows' code in the sandbox, which a worker spares."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*SHARED)
    return Replayer(
        workflows=workflows(),
        data_converter=pydantic_data_converter,
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
    )


def read(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem.replace("_", "/"), path.read_text())


def test_there_are_histories_of_every_workflow() -> None:
    types = {
        read(path).events[0].workflow_execution_started_event_attributes.workflow_type.name
        for path in HISTORIES
    }
    assert types == {"agent", "approval", "pipeline", "fan-out", "one-shot"}


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_it_replays(path: Path) -> None:
    await replayer().replay_workflow(read(path))


async def test_a_history_that_does_not_fit_is_noticed() -> None:
    history = read(next(path for path in HISTORIES if path.stem == "replayed"))
    scheduled = next(
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    )
    scheduled.activity_type.name = "another.activity"
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(history)
