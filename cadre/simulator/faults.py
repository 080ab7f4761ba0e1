"""Faults that the simulator injects, and when."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from cadre.domain.base import Value
from cadre.domain.errors import CadreError, ErrorKind


class FaultKind(StrEnum):
    """What goes wrong with an answer."""

    STATUS = "status"  # an HTTP error status in place of an answer
    HTML = "html"  # status 200 with a web page
    GARBAGE = "garbage"  # status 200 with JSON that is none
    STREAM_ERROR = "stream_error"  # an error event in the middle of a stream
    EOF = "eof"  # the body ends, in order, in the middle of the last block
    CUT = "cut"  # the connection breaks there
    STALL = "stall"  # nothing more comes there
    MAX_TOKENS = "max_tokens"  # the answer ends there, as one that is too long
    REFUSAL = "refusal"
    PAUSE_TURN = "pause_turn"
    CONTEXT_WINDOW = "context_window"
    UNKNOWN_TOOL = "unknown_tool"  # the model asks for a tool that it does not have
    BROKEN_INPUT = "broken_input"  # the last block is cut in its middle, and all else is in order


class Fault(Value):
    """One thing that goes wrong. `status` is that of STATUS and of STREAM_ERROR's error type;
    `retry_after` adds the header of that name, in seconds."""

    kind: FaultKind
    status: int = Field(default=529, ge=400, le=599)
    retry_after: float | None = Field(default=None, ge=0)


class Injection(Fault):
    """A fault and the calls that it meets: the `call`-th of all (from 1), or those of an agent,
    a role or a turn, at the given attempts of the same request (from 1; empty: at each)."""

    call: int | None = Field(default=None, ge=1)
    agent_id: str | None = None
    role: str | None = None
    turn: int | None = Field(default=None, ge=1)
    attempts: tuple[int, ...] = (1,)

    @model_validator(mode="after")
    def _meets_something(self) -> Injection:
        if self.call is None and self.agent_id is None and self.role is None and self.turn is None:
            raise ValueError("a fault needs a call, an agent_id, a role or a turn")
        return self

    def meets(self, *, call: int, agent_id: str, role: str, turn: int, attempt: int) -> bool:
        """Whether a call is one of those."""
        if self.call is not None and self.call != call:
            return False
        wanted = ((self.agent_id, agent_id), (self.role, role), (self.turn, turn))
        if any(want is not None and want != have for want, have in wanted):
            return False
        # A call's number says which attempt it is.
        return self.call is not None or not self.attempts or attempt in self.attempts


class FaultPlan(Value):
    """Which faults meet which calls; the first that fits is taken."""

    faults: tuple[Injection, ...] = ()


def load_plan(source: str) -> FaultPlan:
    """A plan from JSON text, or from the JSON file of that name: `{"faults": [{"kind": …}]}`.

    Raises CadreError(WRONG_INPUT) with one line.
    """
    path = Path(source)
    try:
        text = source if source.lstrip().startswith("{") else path.read_text(encoding="utf-8")
        return FaultPlan.model_validate_json(text)
    except OSError as error:
        message = f"no fault plan in {source}: {error.strerror}"
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"the fault plan is wrong at {place or 'its top'}: {first['msg']}"
    raise CadreError(ErrorKind.WRONG_INPUT, message)
