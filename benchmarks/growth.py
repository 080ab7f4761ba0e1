"""One long conversation: whether its turns stay cheap in history, and whether it ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal

from benchmarks import subject
from benchmarks.measure import bytes_by_turn, history_size
from benchmarks.rig import Rig
from benchmarks.scenario import task
from cadre.domain.budget import Limits
from cadre.domain.outcomes import AgentResult

NO_LIMITS = Limits(
    max_turns=1000, max_tokens=10**10, max_cost_usd=Decimal(10**6), max_active_seconds=7200
)


@dataclass(frozen=True)
class Growth:
    """An agent of `turns` turns that read 20 KB in each; `turn_bytes` are those of the history."""

    state: str
    turns: int
    seconds: float
    events: int
    bytes: int
    turn_bytes: list[int]

    @property
    def ratio(self) -> float:
        """The history bytes of turn 40 to those of turn 4."""
        return self.turn_bytes[39] / self.turn_bytes[3]


async def grow(rig: Rig, turns: int) -> Growth:
    """Let one agent take `turns` turns."""
    began = time.perf_counter()
    handle = await rig.client.start_workflow(
        "agent",
        subject.spec("growth", task(subject.LARGE, turns - 1), NO_LIMITS),
        id="growth",
        task_queue="cadre",
        result_type=AgentResult,
    )
    result: AgentResult = await handle.result()
    seconds = time.perf_counter() - began
    events, size = await history_size(handle)
    sizes = await bytes_by_turn(handle)
    return Growth(result.state.value, result.turns, seconds, events, size, sizes)
