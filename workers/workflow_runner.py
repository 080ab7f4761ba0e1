"""Temporal's workflow sandbox, entered only to run workflows.

The SDK asks a workflow for the serialization context of each payload, several times, and its
sandbox compiles and runs code for the answer. That was 12 % of a worker's Python time. Where the
data converter uses no context, the answer makes no difference.
"""

from __future__ import annotations

from typing import Any

from temporalio.converter import (
    DataConverter,
    StorageDriverStoreContext,
    WorkflowSerializationContext,
)
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

_ANY_WORKFLOW = WorkflowSerializationContext(namespace="", workflow_id="")


def sandboxed(restrictions: SandboxRestrictions, converter: DataConverter) -> WorkflowRunner:
    """The quickest sandbox with these restrictions that `converter` allows for."""
    if converter.external_storage is None and converter.with_context(_ANY_WORKFLOW) is converter:
        return _ContextFreeRunner(restrictions=restrictions)
    return SandboxedWorkflowRunner(restrictions=restrictions)


class _ContextFreeRunner(SandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _ContextFree(super().create_instance(det))


class _ContextFree(WorkflowInstance):
    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(self, act: Any) -> Any:
        return self._sandboxed.activate(act)

    def get_serialization_context(self, _: Any) -> None:
        return None

    def get_external_store_context(self, _: Any) -> StorageDriverStoreContext:
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()
