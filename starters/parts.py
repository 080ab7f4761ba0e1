"""The parts of a fanned-out task, as far as a run's events tell of them while it goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cadre.domain.outcomes import PartLine, PartState
from cadre.domain.roles import SPLITTER, WORKER
from cadre.runtime.events import types as e

# The engine's own words for the last step of an integration (workflows/integration.py).
_MERGED = re.compile(r"commit by [^:]*: Merge part (\d+): ")


@dataclass
class Parts:
    """What becomes of each part. Only the run's end tells all of it: why one was left out, and
    where it is."""

    lines: dict[int, PartLine] = field(default_factory=dict)

    def of(self, agent_id: str) -> PartLine | None:
        """The part that an agent does."""
        name, _, number = agent_id.partition(".")
        if name != WORKER.name or not number.isdecimal():
            return None
        return self.lines.get(int(number))

    def apply(self, event: e.Event) -> None:
        """Take one more event into account."""
        match event:
            case e.RunStarted(input={"tasks": [*tasks]}):
                self._begin([str(task) for task in tasks])
            case e.AgentEnded(result=result) if event.at.agent_id.startswith(SPLITTER.name):
                parts = (result.report or {}).get("parts") if result else None
                if isinstance(parts, list):
                    self._begin([str(part["title"]) for part in parts])
            case e.AgentStarted() if line := self.of(event.at.agent_id):
                self._set(line.number, PartState.WORKING)
            case e.AgentEnded(result=result) if line := self.of(event.at.agent_id):
                reported = result is not None and result.report is not None
                self._set(line.number, PartState.BUILT if reported else PartState.FAILED)
            case e.StepFinished(title=title) if merged := _MERGED.match(title):
                self._set(int(merged[1]), PartState.INTEGRATED)
            case e.RunEnded(result=result) if result is not None and result.parts:
                self.lines = {line.number: line for line in result.parts}

    def _begin(self, titles: list[str]) -> None:
        self.lines = {n: PartLine(number=n, title=title) for n, title in enumerate(titles, 1)}

    def _set(self, number: int, state: PartState) -> None:
        if number in self.lines:
            self.lines[number] = self.lines[number].model_copy(update={"state": state})
