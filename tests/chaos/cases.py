"""Every fault of the model and its service, and the outcome that each must have.

The table in docs/reliability.md says the same in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cadre.domain.outcomes import AgentState, RunStatus
from cadre.simulator.faults import Fault, FaultKind
from tests.chaos.scenarios.model_faults import Ailment, Habit

MAX_TURNS = 5
WHOLE = {"whole.txt": "whole"}
SMALL = {"small.txt": "small"}
REPORTED, FAILED, GAVE_UP = AgentState.REPORTED, AgentState.FAILED, AgentState.GAVE_UP


@dataclass(frozen=True)
class Case:
    """An ailment of the builder, and what must come of it.

    `calls` counts the builder's requests, `paid` those that the service answered, `lost` those
    that are charged at their worst case; `why` is part of what the user reads.
    """

    ailment: Ailment
    calls: int
    paid: int
    lost: int = 0
    state: AgentState = REPORTED
    status: RunStatus = RunStatus.APPROVED
    why: str = ""
    files: dict[str, str] = field(default_factory=lambda: WHOLE)
    told: str = ""


def retried(name: str, fault: Fault, *, free: bool = True, times: int = 1, **more: Any) -> Case:
    """The same request again, until it is answered; two calls are the builder's own."""
    calls, lost = 2 + times, 0 if free else times
    ailment = Ailment(name=name, fault=fault, attempts=times)
    return Case(ailment, **({"calls": calls, "paid": 2 + lost, "lost": lost} | more))


def fatal(name: str, status: int, why: str) -> Case:
    """Refused once and for all."""
    ailment = Ailment(name=name, fault=Fault(kind=FaultKind.STATUS, status=status), attempts=None)
    ending = {"state": FAILED, "status": RunStatus.FAILED, "files": {}}
    return Case(ailment, calls=1, paid=0, why=why, **ending)  # type: ignore[arg-type]


def senseless(name: str, kind: FaultKind, *, paid: int = 3) -> Case:
    """An answer that makes no sense, each time."""
    ailment = Ailment(name=name, fault=Fault(kind=kind), attempts=None)
    ending = {"state": FAILED, "status": RunStatus.FAILED, "files": {}}
    return Case(ailment, calls=3, paid=paid, lost=3, why="3 answers in all", **ending)  # type: ignore[arg-type]


def ended(name: str, kind: FaultKind, state: AgentState, why: str) -> Case:
    """An answer that ends the agent."""
    ailment = Ailment(name=name, fault=Fault(kind=kind))
    return Case(ailment, calls=1, paid=1, state=state, status=RunStatus.FAILED, why=why, files={})


def told(name: str, words: str, *, files: dict[str, str] = WHOLE, **wrong: Any) -> Case:
    """The model is told, and does better."""
    return Case(Ailment(name=name, **wrong), calls=3, paid=3, files=files, told=words)


def hopeless(name: str, why: str, **wrong: Any) -> Case:
    """The model is told, three times in a row, and does no better."""
    ending = {"state": GAVE_UP, "status": RunStatus.FAILED, "files": {}}
    ailment = Ailment(name=name, turns=3, **wrong)
    return Case(ailment, calls=3, paid=3, why=why, **ending)  # type: ignore[arg-type]


def endless(name: str, **wrong: Any) -> Case:
    """Nothing is wrong with any one answer, but they lead nowhere."""
    ailment = Ailment(name=name, turns=1000, **wrong)
    ending = {"state": AgentState.BOUND, "status": RunStatus.NOT_APPROVED, "files": {}}
    return Case(ailment, calls=MAX_TURNS, paid=MAX_TURNS, why="turns", **ending)  # type: ignore[arg-type]


def refusal(status: int, retry_after: float | None = None) -> Fault:
    return Fault(kind=FaultKind.STATUS, status=status, retry_after=retry_after)


def broken(kind: FaultKind) -> Fault:
    return Fault(kind=kind)


CASES = [
    retried("429", refusal(429)),
    retried("429-retry-after", refusal(429, retry_after=4)),
    retried("529", refusal(529), times=3),
    retried("500", refusal(500)),
    retried("408", refusal(408)),
    retried("409", refusal(409)),
    retried("overloaded-mid-stream", broken(FaultKind.STREAM_ERROR), free=False),
    retried("connection-cut", broken(FaultKind.CUT), free=False),
    retried("stall", broken(FaultKind.STALL), free=False),
    retried("eof", broken(FaultKind.EOF), free=False, times=2),
    senseless("eof-always", FaultKind.EOF),
    retried("garbage", broken(FaultKind.GARBAGE), free=False),
    senseless("garbage-always", FaultKind.GARBAGE),
    retried("html", broken(FaultKind.HTML), free=False, paid=2),
    senseless("html-always", FaultKind.HTML, paid=0),
    told("max-tokens", "cut off", files=SMALL, fault=broken(FaultKind.MAX_TOKENS)),
    hopeless("max-tokens-always", "longer than", fault=broken(FaultKind.MAX_TOKENS)),
    ended("refusal", FaultKind.REFUSAL, AgentState.REFUSED, "refused"),
    ended("window", FaultKind.CONTEXT_WINDOW, AgentState.CONTEXT_FULL, "context window"),
    told("pause", "", fault=broken(FaultKind.PAUSE_TURN)),
    endless("pause-always", fault=broken(FaultKind.PAUSE_TURN), attempts=None),
    told("wrong-input", "content", habit=Habit.WRONG_INPUT),
    hopeless("wrong-input-always", "content", habit=Habit.WRONG_INPUT),
    told("broken-input", "not a JSON object", fault=broken(FaultKind.BROKEN_INPUT)),
    hopeless("broken-input-always", "JSON", fault=broken(FaultKind.BROKEN_INPUT), attempts=None),
    told("unknown-tool", "There is no tool", fault=broken(FaultKind.UNKNOWN_TOOL)),
    hopeless("unknown-tool-always", "no tool", fault=broken(FaultKind.UNKNOWN_TOOL), attempts=None),
    told("bad-report", "not your report", habit=Habit.BAD_REPORT),
    hopeless("bad-report-always", "summary", habit=Habit.BAD_REPORT),
    endless("same-call", habit=Habit.SAME_CALL),
    fatal("400", 400, "refused"),
    fatal("401", 401, "ANTHROPIC_API_KEY"),
    fatal("402", 402, "billed"),
    fatal("403", 403, "key"),
    fatal("404", 404, "model"),
    fatal("413", 413, "large"),
]
