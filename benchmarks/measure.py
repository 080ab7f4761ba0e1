"""Reading clocks, processes and histories."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle

_TICKS = os.sysconf("SC_CLK_TCK")


def p50(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def cpu_seconds(pid: int, *, children: bool = False) -> float:
    """CPU time that a process has used so far, all its threads together; with `children` that of
    the processes that it started and that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = fields[13:15] if children else fields[11:13]
    return (int(user) + int(system)) / _TICKS


async def history_size(handle: WorkflowHandle[object, object]) -> tuple[int, int]:
    """How many events a history has, and how many bytes by the server's count."""
    info = (await handle.describe()).raw_description.workflow_execution_info
    return info.history_length, info.history_size_bytes


async def bytes_by_turn(handle: WorkflowHandle[object, object]) -> list[int]:
    """The bytes of the events of each turn, from one scheduled model call to the next."""
    turns: list[int] = []
    async for event in handle.fetch_history_events():
        if _is_model_call(event):
            turns.append(0)
        if turns:
            turns[-1] += event.ByteSize()
    return turns


def _is_model_call(event: HistoryEvent) -> bool:
    scheduled = event.activity_task_scheduled_event_attributes
    return (
        event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        and scheduled.activity_type.name == "model.call"
    )
