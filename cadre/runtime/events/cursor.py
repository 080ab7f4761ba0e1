"""How far a reader of a run's events has come."""

from __future__ import annotations

import re

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.events.types import Event

# The executions of one agent are few, and the end of an ID is random.
ID_CHARS = 8
_STEP = re.compile(r"([^,:]+):(\d{1,9})")


class Cursor:
    """Takes each event of a run once, in whatever order its workflows' events come.

    Events of one execution come in their order, so the last one of each is enough. As text, a
    cursor is `<run ID>:17,builder.1@c93f3fcf:30`: the number of the last event of the run's own
    workflow, and of each agent's. An agent that goes on does so in another execution, whose events
    are numbered anew; the letters are the end of that one's ID.
    """

    def __init__(self) -> None:
        self._run = ""
        self._last: dict[str, int] = {}

    @classmethod
    def parse(cls, text: str, run_id: str) -> Cursor:
        """The cursor that `str` gave of the execution `run_id` (Temporal's) of a run. Raises
        CadreError(WRONG_INPUT) for another text, and for another execution."""
        steps = [_STEP.fullmatch(step) for step in text.split(",")]
        found = {step[1]: int(step[2]) for step in steps if step is not None}
        if None in steps or len(found) != len(steps):
            raise CadreError(ErrorKind.WRONG_INPUT, f"{text[:80]!r} is not a place in a run")
        if run_id not in found:
            raise CadreError(
                ErrorKind.WRONG_INPUT, "this place is of another run, or of an earlier one"
            )
        cursor = cls()
        cursor._run, cursor._last = run_id, found
        return cursor

    def advance(self, event: Event) -> bool:
        """Whether `event` is new; it counts as seen from now on. What no history has (`writing`,
        `waits`) is always new."""
        at = event.at
        if not at.event_id:
            return True
        who = f"{at.agent_id}@{at.run_id[-ID_CHARS:]}" if at.agent_id else at.run_id
        if not at.agent_id:
            self._run = who
        if at.event_id <= self._last.get(who, 0):
            return False
        self._last[who] = at.event_id
        return True

    def __str__(self) -> str:
        rest = (who for who in self._last if who != self._run)
        return ",".join(f"{who}:{self._last.get(who, 0)}" for who in (self._run, *rest))
