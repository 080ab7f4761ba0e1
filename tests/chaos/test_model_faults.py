"""Every fault of the model and its service, on a whole run, with its one outcome."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from cadre.domain.outcomes import AgentState, RunStatus
from cadre.runtime.events import events_so_far
from cadre.runtime.events.types import RunEnded
from cadre.simulator.faults import FaultKind
from tests.chaos.cases import CASES, MAX_TURNS, Case, broken, refusal
from tests.chaos.outages import assert_weathered, outage_of
from tests.chaos.scenarios.model_faults import Ailment
from tests.chaos.trials import BUILDER, Clinic, Trial
from tests.e2e.harness import Home, make_repo

RUNS_AT_ONCE = 6


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
    (turns / "0001.attempt.1.json").write_text("nonsense")
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
