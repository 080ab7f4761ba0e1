"""A person's word on a result and what follows from it; scripted activities, a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from cadre.domain.budget import Bound
from cadre.domain.decisions import Decision, Question
from cadre.domain.deliveries import (
    DeliveryLine,
    DeliveryPlan,
    DeliveryState,
    MakeDelivery,
    MergeInto,
    MoveBranch,
    Moved,
    PlanDeliveries,
    ReadyMerge,
    TakeCommits,
    Taken,
)
from cadre.domain.outcomes import RunResult, RunStatus
from cadre.domain.turns import ModelCall, OutOfBudget
from tests.workflows.course import REPORTS, agents, asked, run
from tests.workflows.scripted import Script, report, uses
from tests.workflows.test_fan_out import asked_questions
from workflows.approval import ApprovalInput

AGAINST = REPORTS["reviewer"] | {"verdict": "request_changes", "summary": "bad"}
DONE, FAILED, UNKNOWN = DeliveryState.DONE, DeliveryState.FAILED, DeliveryState.UNKNOWN
Said = tuple[str, str]


@dataclass
class Delivering(Script):
    """The activities of deliveries as well. `makes` and `settles` are states, one for each call;
    None is a maker that is lost."""

    refused: tuple[str, ...] = ()
    tips: list[str] = field(default_factory=list)
    makes: list[DeliveryState | None] = field(default_factory=list)
    settles: list[DeliveryState] = field(default_factory=list)
    ready: list[ReadyMerge] = field(default_factory=list)
    moves: list[bool] = field(default_factory=list)
    made: list[MakeDelivery] = field(default_factory=list)
    moved: list[MoveBranch] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    @activity.defn(name="delivery.plan")
    async def plan(self, request: PlanDeliveries) -> DeliveryPlan:
        return DeliveryPlan(refused=self.refused)

    @activity.defn(name="delivery.take")
    async def take(self, request: TakeCommits) -> Taken:
        tip = self.tips.pop(0) if self.tips else request.ours
        return Taken(commit=tip, snapshot=f"tree of {tip}", commits=int(tip != request.ours))

    @activity.defn(name="delivery.prepare_merge")
    async def prepare_merge(self, request: MergeInto) -> ReadyMerge:
        return self.ready.pop(0)

    @activity.defn(name="delivery.move_branch")
    async def move_branch(self, request: MoveBranch) -> Moved:
        self.moved.append(request)
        return Moved(moved=self.moves.pop(0) if self.moves else True)

    @activity.defn(name="delivery.make")
    async def make(self, request: MakeDelivery) -> DeliveryLine:
        self.made.append(request)
        state = self.makes.pop(0) if self.makes else DONE
        if state is None:
            raise ApplicationError("lost", non_retryable=True)
        return DeliveryLine(target=str(request.target), state=state, why="why")

    @activity.defn(name="delivery.settle")
    async def settle_delivery(self, request: MakeDelivery) -> DeliveryLine:
        return DeliveryLine(target=str(request.target), state=self.settles.pop(0), why="lost")

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        return [
            *super().activities,
            self.plan,
            self.take,
            self.prepare_merge,
            self.move_branch,
            self.make,
            self.settle_delivery,
        ]


def wanted(name: str, **options: Any) -> ApprovalInput:
    return ApprovalInput(run=name, task="do it", repo="/repo", **options)


async def answered(
    client: Client, script: Delivering, spec: ApprovalInput, *said: Said
) -> RunResult:
    """The run's result, after these answers to what it asked, `(verdict, reason)` each."""
    going = asyncio.ensure_future(run(client, script, spec))
    for verdict, reason in said:
        asking = asyncio.ensure_future(asked_questions(client, spec.run))
        await asyncio.wait({going, asking}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            asking.cancel()
            pytest.fail(f"it ended before {verdict}: {await going}")
        [question] = await asking
        script.questions.append(question)
        decision = Decision(id=question.id, verdict=verdict, by="ann", reason=reason)
        await client.get_workflow_handle(spec.run).execute_update("decide", decision)
    return await going


def lines(result: RunResult) -> list[tuple[str, str]]:
    return [(line.target, line.state.value) for line in result.deliveries]


def task_of(script: Script, agent: str) -> str:
    call = next(c for c in script.model_calls if c.agent_id == agent)
    assert call.opening is not None
    return call.opening.task


APPROVE: Said = ("approve", "")


async def test_findings_go_back_before_a_person_has_the_last_word(client: Client) -> None:
    script = Delivering(agents(reviewer=lambda call: report(**AGAINST)))
    result = await answered(client, script, wanted("last-word", max_rounds=2), APPROVE)
    assert asked(script) == ["builder.1", "reviewer.1", "builder.2", "reviewer.2"]
    [question] = script.questions
    assert "**does not pass**" in question.text
    assert question.subject_sha256 == result.delivery.commit if result.delivery else False
    assert (result.status, result.findings[0].message) == (RunStatus.APPROVED, "bad")


async def test_reasons_go_to_builder_and_reviewer_so_many_times(client: Client) -> None:
    script = Delivering(agents())
    spec = wanted("reasons", max_rejections=1)
    result = await answered(client, script, spec, ("reject", "blue"), ("reject", "red"))
    assert asked(script) == ["builder.1", "reviewer.1", "builder.2", "reviewer.2"]
    assert "ann rejects this: blue" in task_of(script, "builder.2")
    assert "blue" in task_of(script, "reviewer.2")
    assert (result.status, result.summary) == (RunStatus.REJECTED, "rejected by ann: red")


async def test_without_a_reason_there_is_nothing_to_work_off(client: Client) -> None:
    script = Delivering(agents())
    result = await answered(client, script, wanted("no-reason"), ("reject", ""))
    assert (result.status, asked(script)) == (RunStatus.REJECTED, ["builder.1", "reviewer.1"])
    assert [d.branch for d in script.delivered] == ["cadre/no-reason"] * 2


async def test_no_change_bothers_nobody(client: Client) -> None:
    script = Delivering(agents(builder=lambda call: report(**REPORTS["builder"])))
    result = await answered(client, script, wanted("no-change", deliver=("pr",)))
    assert (result.status, result.deliveries) == (RunStatus.APPROVED, ())


async def test_what_cannot_be_delivered_is_said_before_anything_is_spent(client: Client) -> None:
    script = Delivering(agents(), refused=("--deliver pr: no such command",))
    result = await answered(client, script, wanted("refused", deliver=("pr",)))
    assert (result.status, result.summary) == (RunStatus.FAILED, "--deliver pr: no such command")
    assert asked(script) == []


async def test_a_failed_delivery_is_tried_again_by_a_persons_word(client: Client) -> None:
    script = Delivering(agents(), makes=[DONE, FAILED])
    spec = wanted("again", deliver=("push:origin", "pr"))
    result = await answered(client, script, spec, APPROVE, APPROVE)
    assert lines(result) == [("push:origin", "done"), ("command:pr", "done")]
    assert [(m.number, m.attempt) for m in script.made] == [(1, 1), (2, 1), (2, 2)]


async def test_a_failed_delivery_that_is_given_up(client: Client) -> None:
    script = Delivering(agents(), makes=[FAILED])
    spec = wanted("given-up", deliver=("push:origin", "pr"))
    result = await answered(client, script, spec, APPROVE, ("reject", ""))
    assert lines(result) == [("push:origin", "failed"), ("command:pr", "not tried")]
    assert result.status is RunStatus.NOT_DELIVERED
    assert result.summary == "approved by ann; push:origin: why"


async def test_a_delivery_may_be_answered_by_a_commit(client: Client) -> None:
    script = Delivering(agents(), makes=[FAILED], tips=["commit1", "theirs", "theirs"])
    spec = wanted("commit", deliver=("push:origin",))
    result = await answered(client, script, spec, APPROVE, ("edit", ""), APPROVE)
    assert [m.commit for m in script.made] == ["commit1", "theirs"]
    assert asked(script) == ["builder.1", "reviewer.1", "reviewer.2"]
    assert lines(result) == [("push:origin", "done")]


@pytest.mark.parametrize(
    ("said", "state", "attempts"),
    [
        ([APPROVE], "taken as done", 1),
        ([("reject", ""), APPROVE], "done", 2),
        ([("reject", ""), ("reject", "")], "unknown", 1),
    ],
)
async def test_an_effect_that_nobody_knows_of_is_for_a_person(
    client: Client, said: list[Said], state: str, attempts: int
) -> None:
    script = Delivering(agents(), makes=[None], settles=[UNKNOWN])
    spec = wanted(f"unknown-{attempts}-{len(said)}", deliver=("pr",))
    result = await answered(client, script, spec, APPROVE, *said)
    assert (lines(result), len(script.made)) == ([("command:pr", state)], attempts)
    settled = state != "unknown"
    assert (result.status is RunStatus.APPROVED) == settled


async def test_one_that_was_lost_before_it_began_is_begun_again(client: Client) -> None:
    script = Delivering(agents(), makes=[None], settles=[DeliveryState.NOT_TRIED])
    result = await answered(client, script, wanted("lost", deliver=("pr",)), APPROVE)
    assert [m.attempt for m in script.made] == [1, 2]
    assert lines(result) == [("command:pr", "done")]


async def test_a_branch_that_moves_while_it_is_merged(client: Client) -> None:
    ready = [ReadyMerge(tip=tip, snapshot=f"with {tip}") for tip in ("one", "two")]
    script = Delivering(agents(), ready=ready, moves=[False, True])
    spec = wanted("moves", deliver=("merge:main",), check="make")
    result = await answered(client, script, spec, APPROVE)
    assert [move.old for move in script.moved] == ["one", "two"]
    assert [c.parents for c in script.commits[1:]] == [("one", "commit1"), ("two", "commit1")]
    assert (result.deliveries[0].state, result.deliveries[0].commit) == (DONE, "commit3")


async def test_a_merge_that_breaks_the_check_is_not_made(client: Client) -> None:
    script = Delivering(
        agents(),
        ready=[ReadyMerge(tip="one", snapshot="with one")],
        check=lambda request: int(request.snapshot == "with one"),
    )
    spec = wanted("breaks", deliver=("merge:main",), check="make")
    result = await answered(client, script, spec, APPROVE, ("reject", ""))
    assert (result.status, script.moved) == (RunStatus.NOT_DELIVERED, [])
    assert "with main as it is now, the check fails" in result.deliveries[0].why


async def test_nobody_in_time_repeats_nothing(client: Client) -> None:
    """The policy approves what nobody decides; an unknown effect is not for it to take as done."""
    script = Delivering(agents(), makes=[None], settles=[UNKNOWN])
    spec = wanted("nobody", deliver=("pr",), expire_hours=0.0001, on_expiry="approve")
    result = await answered(client, script, spec)
    assert [d.by for d in result.decisions] == ["cadre"] * 3
    assert (result.status, lines(result)) == (
        RunStatus.NOT_DELIVERED, [("command:pr", "unknown")]
    )  # fmt: skip


def short_of_money(turn: int) -> Callable[[ModelCall], Any]:
    """A builder that needs two dollars from that turn on."""

    def answer(call: ModelCall) -> Any:
        if call.turn >= turn and call.allowance.cost_usd < Decimal(2):
            return OutOfBudget(bound=Bound.COST)
        return uses("Edit", read_only=False) if call.turn == 1 else report(**REPORTS["builder"])

    return answer


@pytest.mark.parametrize("turn", [1, 2])
async def test_a_person_may_raise_a_budget(client: Client, turn: int) -> None:
    """The agent goes on where it stopped, also where its first call did not fit."""
    script = Delivering(agents(builder=short_of_money(turn)))
    spec = wanted(f"more-{turn}", max_cost_usd=Decimal(1), ask=True)
    said: list[Said] = [("approve", "4 dollars"), APPROVE]
    result = await answered(client, script, spec, *said)
    assert "ran out while builder.1 was at work" in script.questions[0].text
    assert (result.status, asked(script)) == (RunStatus.APPROVED, ["builder.1", "reviewer.1"])


async def test_or_not(client: Client) -> None:
    script = Delivering(agents(builder=short_of_money(2)))
    spec = wanted("no-more", max_cost_usd=Decimal(1), ask=True)
    result = await answered(client, script, spec, ("reject", ""))
    assert result.status is RunStatus.OUT_OF_BUDGET
    script = Delivering(agents(builder=short_of_money(2)))
    result = await answered(client, script, wanted("unasked", max_cost_usd=Decimal(1)))
    assert (result.status, result.decisions) == (RunStatus.OUT_OF_BUDGET, ())
