"""The workflow sandbox stays a sandbox, and steps aside only where nobody notices."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import PayloadCodec, SerializationContext, WithSerializationContext
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import (
    RestrictedWorkflowAccessError,
    SandboxedWorkflowRunner,
    SandboxRestrictions,
)

from workers.workflow_runner import sandboxed

CLOCK = """
import time
from temporalio import workflow

@workflow.defn(name="clock")
class Clock:
    @workflow.run
    async def run(self) -> float:
        return time.time()
"""


class ByWorkflow(PayloadCodec, WithSerializationContext):
    """A codec that wants to know whose payload it is, as one with a key for each run would."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    def with_context(self, context: SerializationContext) -> ByWorkflow:
        return ByWorkflow()


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "workflow_with_a_clock.py").write_text(CLOCK)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("workflow_with_a_clock").Clock
    del sys.modules["workflow_with_a_clock"]


def test_a_codec_with_a_context_gets_it() -> None:
    converter = replace(pydantic_data_converter, payload_codec=ByWorkflow())
    assert type(sandboxed(SandboxRestrictions.default, converter)) is SandboxedWorkflowRunner
    assert type(sandboxed(SandboxRestrictions.default, pydantic_data_converter)) is not (
        SandboxedWorkflowRunner
    )


async def test_workflows_stay_without_a_clock(client: Client, clock: Any) -> None:
    worker = Worker(
        client,
        task_queue="clock",
        workflows=[clock],
        workflow_runner=sandboxed(SandboxRestrictions.default, client.data_converter),
        workflow_failure_exception_types=[RestrictedWorkflowAccessError],
    )
    async with worker:
        with pytest.raises(WorkflowFailureError) as failed:
            await client.execute_workflow("clock", id="clock", task_queue="clock")
    assert "time.time" in str(failed.value.cause)
