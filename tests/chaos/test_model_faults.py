"""Every fault of the model and its service, on a whole run, with its one outcome.

The table in docs/reliability.md says the same in words.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from cadre.domain.runs import AgentState, RunStatus
from cadre.runtime.events import events_so_far
from cadre.runtime.events.types import RunEnded
from cadre.simulator.faults import Fault, FaultKind
from tests.chaos.outages import assert_weathered, outage_of
from tests.chaos.scenarios.model_faults import Ailment, Habit
from tests.chaos.trials import BUILDER, Clinic, Trial
from tests.e2e.harness import Home, make_repo

RUNS_AT_ONCE = 6
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


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repo(tmp_path_factory.mktemp("repo"), {"README.md": "# A repository\n"})


@pytest.fixture(scope="module")
def trials(
    faulty_services: dict[str, Any], repo: Path, request: pytest.FixtureRequest
) -> dict[str, Trial]:
    """The runs of all cases that were asked for, a few of them at once."""
    asked = [getattr(item, "callspec", None) for item in request.session.items]
    given = [spec.params.get("case") for spec in asked if spec]
    cases = {case.ailment.name: case for case in given if isinstance(case, Case)}

    async def run_all() -> dict[str, Trial]:
        clinic = await Clinic.open(faulty_services, repo)
        places = asyncio.Semaphore(RUNS_AT_ONCE)

        async def run(case: Case) -> Trial:
            async with places, asyncio.timeout(200):
                return await clinic.trial(case.ailment, max_turns=MAX_TURNS)

        ended = await asyncio.gather(*map(run, cases.values()))
        return dict(zip(cases, ended, strict=True))

    return asyncio.run(run_all())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.ailment.name)
def test_each_fault_has_its_outcome(
    case: Case, trials: dict[str, Trial], repo: Path, faulty_home: Home
) -> None:
    trial = trials[case.ailment.name]
    builder = trial.builder
    assert (trial.result.status, builder.state) == (case.status, case.state), trial.result.summary
    asked = len(trial.calls_of(BUILDER))
    assert (asked, trial.paid(), builder.spent.lost_attempts) == (case.calls, case.paid, case.lost)
    assert (builder.spent.lost_usd > 0) == (case.lost > 0)
    assert case.why in builder.why
    # Nothing is ever done by the half of a command.
    assert trial.delivered(repo) == case.files
    if case.told:
        assert case.told in said_to_builder(faulty_home, trial)
    fault = case.ailment.fault
    if fault is not None and fault.retry_after is not None:
        assert trial.waited(1) >= timedelta(seconds=fault.retry_after)


def said_to_builder(home: Home, trial: Trial) -> str:
    """What the engine said to the builder in its second turn, tool results and all."""
    turns = home.state / "store/runs" / trial.result.run / "agents" / BUILDER / "turns"
    return json.dumps(json.loads((turns / "0002.json").read_text())["user"], ensure_ascii=False)


async def met(clinic: Clinic, ailment: Ailment, times: int) -> None:
    """Wait until the builder has met its ailment so often."""
    async with asyncio.timeout(60):
        while True:
            calls = await clinic.calls(f'"name":"{ailment.name}"')
            if sum(call["fault"] is not None for call in calls) >= times:
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("ailment", "times", "lost"),
    [
        (Ailment(name="cancelled-refused", fault=refusal(529), attempts=None), 3, 0),
        (Ailment(name="cancelled-mute", fault=broken(FaultKind.STALL), attempts=None), 1, 1),
    ],
    ids=["refused", "mute"],
)
async def test_a_call_that_is_cancelled_is_in_the_books(
    ailment: Ailment, times: int, lost: int, faulty_services: dict[str, Any], repo: Path
) -> None:
    clinic = await Clinic.open(faulty_services, repo)
    handle = await clinic.begin(ailment.name, ailment.task)
    await met(clinic, ailment, times)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    events = await events_so_far(clinic.client, handle.id, str(handle.result_run_id))
    ended = next(e for e in events if isinstance(e, RunEnded))
    assert ended.close == "cancelled"
    assert ended.result is not None
    builder = next(line for line in ended.result.agents if line.agent_id == BUILDER)
    assert builder.state is AgentState.CANCELLED
    assert builder.spent.lost_attempts == lost
    assert (builder.spent.cost_usd > 0) == (lost > 0)


async def test_what_no_retry_mends_ends_the_run(
    faulty_services: dict[str, Any], faulty_home: Home, repo: Path
) -> None:
    """As a mistake in the code would: here the store holds what no version has written."""
    turns = faulty_home.state / "store/runs/spoilt/agents/scout/turns"
    turns.mkdir(parents=True)
    (turns / "0001.attempts.json").write_text("nonsense")
    clinic = await Clinic.open(faulty_services, repo)
    async with asyncio.timeout(120):
        trial = await clinic.trial(Ailment(name="spoilt"))
    assert trial.result.status is RunStatus.FAILED
    assert "model.call failed by a mistake in Cadre" in trial.result.summary
    assert "3 times" in trial.result.summary
    assert trial.calls == []


async def test_fifty_agents_ask_little_in_an_outage(
    faulty_services: dict[str, Any], repo: Path
) -> None:
    clinic = await Clinic.open(faulty_services, repo)
    assert_weathered(await outage_of(clinic, "overload", 529, seconds=3), 529)


async def test_who_watches_a_run_is_told_of_an_outage(
    faulty_services: dict[str, Any], faulty_home: Home, repo: Path
) -> None:
    clinic = await Clinic.open(faulty_services, repo)
    async with clinic.outage(529):
        watching = faulty_home.start("run", "pipeline", "Make a file.", "--repo", repo)
        told = await asyncio.to_thread(line_with, watching, "waits: model")
    out, _ = await asyncio.to_thread(watching.communicate, timeout=120)
    assert watching.returncode == 0, out
    assert re.search(r"scout +turn 1 +waits: model: attempt \d+, next try .*refused with 529", told)


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """The next line of a process that holds these words."""
    assert process.stdout is not None
    return next(line for line in process.stdout if words in line)
