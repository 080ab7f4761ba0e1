"""A builder whose every effect is countable, and a ledger of it that the engine cannot touch.

Each of the builder's calls has an effect of its own: a command appends ten numbered lines, a
moment apart, so that one that is cut short leaves fewer and one that runs twice leaves more; an
edit replaces what only the edit before it can have written. Whatever the model asks for, and every
result that it is shown, is written down here, on the model's side of the wire.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from cadre.simulator.conversation import Conversation
from cadre.simulator.faults import FaultKind, FaultPlan, Injection
from cadre.simulator.scenario import Answer, Report, Use, answer

LINES = 10
STEPS = 4
# Time for a test to see the call and to stop a process before the answer comes.
SLOW_SECONDS = 5.0
LEDGER = Path.home() / "ledger.jsonl"
_RUN = re.compile(r"in the run (\S+)\.")
_APPEND = (
    "for i in $(seq {lines}); do echo {step}.$i >> effects.txt; sleep {pause}; done; "
    "wc -l effects.txt"
)


def effects(step: int) -> Iterator[str]:
    """The lines that the command of a step appends."""
    return (f"{step}.{line}" for line in range(1, LINES + 1))


class Effects:
    """Scouts, a planner, a builder of `STEPS` effects, and a reviewer that counts them.

    `pause` is in seconds, after each line; `slow_turn` is a turn of the builder whose answer takes
    `SLOW_SECONDS`.
    """

    def __init__(self, *, pause: float = 0.15, slow_turn: int = 0, faults: FaultPlan) -> None:
        self.faults = faults
        self._pause = pause
        self._slow_turn = slow_turn

    def answer(self, conversation: Conversation) -> Answer:
        """The next answer, which is noted in the ledger with what was seen before it."""
        found: Answer = getattr(self, conversation.role)(conversation)
        with LEDGER.open("a") as ledger:
            ledger.write(json.dumps(_entry(conversation, found)) + "\n")
        return found

    def scout(self, c: Conversation) -> Answer:
        if not c.exchanges:
            return answer(Use("Bash", {"command": f"sleep {3 * self._pause}; ls"}))
        seen = c.exchanges[-1].result.splitlines()
        return answer(Report({"summary": "Looked.", "facts": seen, "files": [], "risks": []}))

    def planner(self, c: Conversation) -> Answer:
        return answer(Report({"summary": "Have effects.", "steps": [], "checks": []}))

    def builder(self, c: Conversation) -> Answer:
        latency = SLOW_SECONDS if c.turn == self._slow_turn else None
        if c.turn <= STEPS:
            return answer(self._effect(c.turn), latency=latency)
        seen = [exchange.result for exchange in c.exchanges]
        report = {"summary": "Done.", "subject": "Effects", "verified": seen, "open_points": []}
        return answer(Report(report))

    def reviewer(self, c: Conversation) -> Answer:
        if not c.exchanges:
            return answer(Use("Bash", {"command": "cat effects.txt count.txt"}))
        seen = c.exchanges[-1].result
        return answer(Report({"verdict": "approve", "summary": seen, "findings": []}))

    def _effect(self, step: int) -> Use:
        if step % 2:
            append = _APPEND.format(lines=LINES, step=step, pause=self._pause)
            return Use("Bash", {"command": append})
        new, old = f"count {step // 2}", f"count {step // 2 - 1}"
        return Use("Edit", {"file_path": "count.txt", "old_string": old, "new_string": new})


def _entry(c: Conversation, found: Answer) -> dict[str, object]:
    run = _RUN.search(c.task_text)
    asks = [part.input for part in found.parts if isinstance(part, Use)]
    seen = [[e.turn, e.is_error, e.result] for e in c.exchanges]
    return {
        "run": run[1] if run else "", "agent": c.agent_id, "turn": c.turn,
        "asks": asks, "seen": seen,
    }  # fmt: skip


def _fault(kind: FaultKind, retry_after: float | None = None) -> FaultPlan:
    """What meets the builder's second call at its first attempt."""
    return FaultPlan(
        faults=(Injection(kind=kind, agent_id="builder.1", turn=2, retry_after=retry_after),)
    )


scenario = Effects(faults=FaultPlan())
slow = Effects(slow_turn=2, faults=FaultPlan())
# As much time to stop one before a command ends.
unhurried = Effects(pause=0.5, faults=FaultPlan())
stalling = Effects(faults=_fault(FaultKind.STALL))
overloaded = Effects(faults=_fault(FaultKind.STATUS, retry_after=1))
