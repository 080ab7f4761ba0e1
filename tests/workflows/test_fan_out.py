"""Fan-out and integration on a real server, with scripted activities."""

from __future__ import annotations

import asyncio
import uuid
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.client import Client, WorkflowUpdateFailedError

from cadre.domain.decisions import Choice, Decision, Question
from cadre.domain.integration import MergeBranches, Merged
from cadre.domain.outcomes import PartState, RunResult, RunStatus
from cadre.domain.turns import Declined, ModelCall
from tests.workflows.course import DONE, agents, asked, run
from tests.workflows.holding import Hold
from tests.workflows.scripted import Script, clean, conflict, report, uses
from workflows.fan_out import FanOutInput


def wanted(**fields: Any) -> FanOutInput:
    given = {"run": f"r-{uuid.uuid4().hex[:8]}", "repo": "/repo", "tasks": ("one", "two", "three")}
    return FanOutInput(**(given | fields))


def states(result: RunResult) -> list[PartState]:
    return [part.state for part in result.parts]


async def test_the_straight_way(client: Client) -> None:
    script = Script(agents(), check=lambda request: 0, order_key=lambda name: -int(name))
    spec = wanted(check="make check")
    result = await run(client, script, spec)
    assert (result.status, result.summary) == (RunStatus.APPROVED, "3 of 3 parts are in")
    assert sorted(asked(script)) == ["worker.1", "worker.2", "worker.3"]
    assert [part.title for part in result.parts] == ["one", "two", "three"]
    assert states(result) == [PartState.INTEGRATED] * 3
    assert [merge.label for merge in script.merges] == ["part 3", "part 2", "part 1"]
    merges = [c for c in script.commits if len(c.parents) == 2]
    assert [c.subject for c in merges] == [
        "Merge part 3: three", "Merge part 2: two", "Merge part 1: one"
    ]  # fmt: skip
    assert merges[1].parents[0] == "commit4", "each on top of the one before"
    assert [d.branch for d in script.delivered] == [f"cadre/{spec.run}"]


async def test_each_part_has_a_workspace_of_its_own(client: Client) -> None:
    script = Script(agents())
    await run(client, script, wanted())
    assert {call.workspace.name for call in script.tool_calls} == {"1", "2", "3"}


async def test_one_that_fails_leaves_its_siblings_alone(client: Client) -> None:
    def worker(call: ModelCall) -> Any:
        if call.turn == 1:
            return uses("Edit", read_only=False)
        if call.agent_id == "worker.2":
            return Declined(why="refusal", detail="no")
        return report(**DONE)

    script = Script(agents(worker=worker))
    spec = wanted()
    result = await run(client, script, spec)
    assert result.status is RunStatus.PARTLY
    assert states(result) == [PartState.INTEGRATED, PartState.FAILED, PartState.INTEGRATED]
    assert result.parts[1].why == "refused: no"
    assert result.parts[1].branch == f"cadre/{spec.run}+2"
    assert [d.branch for d in script.delivered] == [f"cadre/{spec.run}+2", f"cadre/{spec.run}"]


async def test_a_part_without_a_change_is_no_failure(client: Client) -> None:
    script = Script(agents(worker=lambda call: report(**DONE)))
    result = await run(client, script, wanted())
    assert states(result) == [PartState.UNCHANGED] * 3
    assert (result.status, script.delivered) == (RunStatus.APPROVED, [])


def second_conflicts(request: MergeBranches) -> Merged:
    return conflict(request) if request.label == "part 2" else clean(request)


async def test_a_conflict_goes_to_a_resolver_with_both_sides(client: Client) -> None:
    script = Script(agents(), merged=second_conflicts)
    result = await run(client, script, wanted())
    assert states(result) == [PartState.INTEGRATED, PartState.RESOLVED, PartState.INTEGRATED]
    first = next(c for c in script.model_calls if c.agent_id == "resolver.1")
    assert first.opening is not None
    assert "a.py: both sides changed the same lines" in first.opening.task
    assert [item.title for item in first.opening.context] == [
        "What is merged so far, as a diff", "Report of worker.1",
        "Part 2, as a diff", "Report of worker.2",
    ]  # fmt: skip
    [settled] = [c for c in script.commits if c.subject.startswith("Merge part 2")]
    assert settled.author == "resolver.1"
    assert script.commits[-1].author == "cadre", "the next one met nothing"
    assert result.parts[1].why == "a.py (content)"


@pytest.mark.parametrize("fault", ["markers", "gave up", "check"])
async def test_what_cannot_be_resolved_stays_on_its_branch(client: Client, fault: str) -> None:
    def resolver(call: ModelCall) -> Any:
        return Declined(why="refusal", detail="no") if fault == "gave up" else report(**DONE)

    script = Script(
        agents(resolver=resolver),
        merged=second_conflicts,
        markers=lambda request: ("a.py",) if fault == "markers" else (),
        check=lambda request: int(fault == "check" and request.name == "resolved.2"),
    )
    spec = wanted(check="make check")
    result = await run(client, script, spec)
    assert (result.status, result.summary) == (RunStatus.PARTLY, "2 of 3 parts are in")
    assert states(result) == [PartState.INTEGRATED, PartState.LEFT_OUT, PartState.INTEGRATED]
    why = {
        "markers": "resolver.1 left conflict markers in a.py",
        "gave up": "resolver.1 refused: no",
        "check": "The check passed before this part and fails with it.",
    }
    assert result.parts[1].why.startswith(why[fault])
    assert f"cadre/{spec.run}+2" in [d.branch for d in script.delivered]
    assert script.merges[2].ours == script.merges[1].ours, "as if it had not been tried"


async def test_a_part_that_breaks_the_check_goes_to_a_resolver(client: Client) -> None:
    broken = ("merge.3",)
    script = Script(agents(), check=lambda request: int(request.name in broken))
    result = await run(client, script, wanted(check="make check"))
    assert states(result) == [PartState.INTEGRATED, PartState.INTEGRATED, PartState.RESOLVED]
    assert "resolver.1" in asked(script)


async def test_a_check_that_fails_from_the_start_keeps_nothing_out(client: Client) -> None:
    script = Script(agents(), check=lambda request: int(request.name not in ("merge.3", "after")))
    result = await run(client, script, wanted(check="make check"))
    assert (result.status, states(result)) == (RunStatus.APPROVED, [PartState.INTEGRATED] * 3)


async def test_the_last_check_has_the_last_word(client: Client) -> None:
    script = Script(agents(), check=lambda request: 1)
    result = await run(client, script, wanted(check="make check"))
    assert result.status is RunStatus.NOT_APPROVED
    assert result.findings


async def test_the_budget_is_shared_and_one_share_is_kept(client: Client) -> None:
    script = Script(agents(), cost=Decimal(0))
    await run(client, script, wanted(max_cost_usd=Decimal(8)))
    first = [c for c in script.model_calls if c.turn == 1]
    assert [c.allowance.cost_usd for c in first] == [Decimal(2)] * 3


async def test_what_one_leaves_over_goes_to_those_that_come_later(client: Client) -> None:
    script = Script(agents(), cost=Decimal("0.5"))
    await run(client, script, wanted(max_cost_usd=Decimal(8), at_once=1))
    first = [c.allowance.cost_usd for c in script.model_calls if c.turn == 1]
    assert first == [Decimal(2), Decimal("2.333333"), Decimal(3)]


async def test_no_more_work_at_once_than_allowed(client: Client) -> None:
    script = Script(agents())
    await run(client, script, wanted(tasks=tuple("abcdef"), at_once=2))
    assert script.most_running <= 2
    script = Script(agents())
    result = await run(client, script, wanted(tasks=tuple("abcdef")))
    assert result.status is RunStatus.APPROVED


async def test_a_resolver_counts_among_the_agents(client: Client) -> None:
    script = Script(agents(), merged=second_conflicts)
    result = await run(client, script, wanted(max_agents=3))
    assert (
        result.parts[1].why == "resolver.1 met a bound: the run's bound of agents, before it began"
    )
    assert "resolver.1" not in asked(script)


async def test_a_task_is_split_and_waits_for_a_word(client: Client) -> None:
    script = Script(agents())
    spec = wanted(tasks=(), task="do it all")
    handle = client.get_workflow_handle(spec.run)
    going = asyncio.ensure_future(run(client, script, spec))
    [question] = await asked_questions(client, spec.run)
    assert "2 agents would start" in question.text
    assert "**Part a** do a" in question.text
    assert asked(script) == ["splitter"]
    wrong = Decision(id="other", verdict=Choice.APPROVE, by="me")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update("decide", wrong)
    assert "parts waits for a decision" in str(refused.value.cause)
    await handle.execute_update("decide", Decision(id="parts", verdict=Choice.APPROVE, by="me"))
    result = await going
    assert (result.status, len(result.parts)) == (RunStatus.APPROVED, 2)
    assert "parts: approved by me" in result.notes
    worker = next(c for c in script.model_calls if c.agent_id == "worker.1")
    assert worker.opening is not None
    assert "The larger task:\ndo it all" in worker.opening.task


async def test_a_rejected_split_starts_nothing(client: Client) -> None:
    script = Script(agents())
    spec = wanted(tasks=(), task="do it all")
    going = asyncio.ensure_future(run(client, script, spec))
    await asked_questions(client, spec.run)
    said = Decision(id="parts", verdict=Choice.REJECT, by="me", reason="too dear")
    await client.get_workflow_handle(spec.run).execute_update("decide", said)
    result = await going
    assert (result.status, result.summary) == (RunStatus.REJECTED, "rejected by me: too dear")
    assert asked(script) == ["splitter"]


async def test_yes_asks_nobody(client: Client) -> None:
    script = Script(agents())
    result = await run(client, script, wanted(tasks=(), task="do it all", yes=True))
    assert (result.status, states(result)) == (RunStatus.APPROVED, [PartState.INTEGRATED] * 2)


async def test_nothing_changed_is_no_success_where_the_check_fails(client: Client) -> None:
    script = Script(agents(worker=lambda call: report(**DONE)), check=lambda request: 1)
    result = await run(client, script, wanted(check="make check"))
    assert states(result) == [PartState.UNCHANGED] * 3
    assert result.status is RunStatus.NOT_APPROVED


async def test_a_part_that_cannot_be_committed_leaves_its_siblings_alone(client: Client) -> None:
    def fails(name: str, request: Any) -> bool:
        return name == "workspace.commit" and request.workspace.name == "2"

    script = Script(agents(), interceptors=(Hold("", fails=fails),))
    spec = wanted()
    result = await run(client, script, spec)
    assert states(result) == [PartState.INTEGRATED, PartState.FAILED, PartState.INTEGRATED]
    assert f"cadre/{spec.run}" in [d.branch for d in script.delivered]
    assert script.closed == 0, "the files of part 2 are nowhere else"


async def test_a_part_whose_workspace_cannot_be_opened(client: Client) -> None:
    def fails(name: str, request: Any) -> bool:
        return name == "workspace.open" and request.name == "2"

    script = Script(agents(), interceptors=(Hold("", fails=fails),))
    result = await run(client, script, wanted())
    assert states(result) == [PartState.INTEGRATED, PartState.FAILED, PartState.INTEGRATED]
    assert (result.status, result.parts[1].why) == (RunStatus.PARTLY, "for good")


@pytest.mark.parametrize("broken", ["workspace.merge", "workspace.commit", "workspace.check"])
async def test_a_merge_that_fails_for_good_is_left_out(client: Client, broken: str) -> None:
    def fails(name: str, request: Any) -> bool:
        said = {
            "workspace.merge": lambda: request.label == "part 2",
            "workspace.commit": lambda: request.subject.startswith("Merge part 2"),
            "workspace.check": lambda: request.name == "merge.2",
        }
        return bool(name == broken and said[name]())

    script = Script(agents(), interceptors=(Hold("", fails=fails),))
    spec = wanted(check="make check")
    result = await run(client, script, spec)
    assert states(result) == [PartState.INTEGRATED, PartState.LEFT_OUT, PartState.INTEGRATED]
    assert sorted(d.branch for d in script.delivered) == [
        f"cadre/{spec.run}", f"cadre/{spec.run}+2"
    ]  # fmt: skip


async def test_a_terminated_agent_is_charged_with_all_that_it_may_have_used(client: Client) -> None:
    hold = Hold("tool.run", lambda call: bool(call.agent_id == "worker.2"))
    script = Script(agents(), interceptors=(hold,))
    spec = wanted(max_cost_usd=Decimal(8))
    going = asyncio.ensure_future(run(client, script, spec))
    try:
        await hold.met()
        await client.get_workflow_handle(f"{spec.run}/worker.2").terminate()
        result = await going
    finally:
        hold.release.set()
        await asyncio.gather(going, return_exceptions=True)
    assert states(result) == [PartState.INTEGRATED, PartState.FAILED, PartState.INTEGRATED]
    [line] = [line for line in result.agents if line.agent_id == "worker.2"]
    assert line.spent.cost_usd == line.spent.lost_usd > Decimal("1.9")


@pytest.mark.parametrize("char", ["x", "\N{OK HAND SIGN}"])
async def test_long_tasks_are_taken(client: Client, char: str) -> None:
    def splitter(call: ModelCall) -> Any:
        parts = [{"title": char * 300, "task": char * 2000, "files": []}] * 2
        return report(summary="s", parts=parts)

    script = Script(agents(splitter=splitter))
    result = await run(
        client, script, wanted(tasks=(), task=char * (16_000 // len(char.encode())), yes=True)
    )
    assert result.status is RunStatus.APPROVED


async def asked_questions(client: Client, run: str) -> list[Question]:
    """What the run asks, once it does."""
    async with asyncio.timeout(30):
        while True:
            try:
                found: list[Question] = await client.get_workflow_handle(run).query(
                    "questions", result_type=list[Question]
                )
            except Exception:  # noqa: BLE001 - not started yet
                found = []
            if found:
                return found
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"task": "a", "tasks": (), "max_agents": 2}, "--max-agents 2"),
        ({"task": "a"}, "either TASK"),
        ({"tasks": ()}, "either TASK"),
        ({"tasks": ("a", " ")}, "one of them is empty"),
        ({"tasks": ("a", "b"), "max_agents": 1}, "2 parts are more than --max-agents 1"),
        ({"tasks": ("a" * 20_000,) * 2}, "all parts together"),
    ],
)
def test_wrong_input_is_refused(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        wanted(**fields)
