"""Pushes whose worker is lost, and deliveries of a run that is cancelled; scripted activities."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError

from cadre.domain.decisions import Decision
from cadre.domain.deliveries import DeliveryLine, DeliveryState, MakeDelivery, ReadyMerge
from cadre.domain.outcomes import RunResult, RunStatus
from tests.workflows.course import agents, run
from tests.workflows.holding import Hold, cancel
from tests.workflows.test_agent_ends import Deaf
from tests.workflows.test_approval import APPROVE, Delivering, answered, wanted
from tests.workflows.test_fan_out import asked_questions
from workflows.approval import ApprovalInput

DONE, UNKNOWN = DeliveryState.DONE, DeliveryState.UNKNOWN
LOST: list[DeliveryState | None] = [None]


@dataclass
class Remote(Delivering):
    """`found` is what is known of each lost push: its line's state, and whether it is absent."""

    found: list[tuple[DeliveryState, bool]] = field(default_factory=list)
    looks: int = 0

    @activity.defn(name="delivery.settle")
    async def look(self, request: MakeDelivery) -> DeliveryLine:
        self.looks += 1
        state, absent = self.found.pop(0)
        return DeliveryLine(target=str(request.target), state=state, why="lost", absent=absent)

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        inherited = [each for each in super().activities if each != self.settle_delivery]
        return [*inherited, self.look]


async def test_a_lost_push_is_repeated_without_a_word_where_the_remote_has_it_not(
    client: Client,
) -> None:
    script = Remote(
        agents(), makes=LOST * 2, found=[(UNKNOWN, True), (DeliveryState.NOT_TRIED, False)]
    )
    spec = wanted("absent", deliver=("push:origin",))
    result = await answered(client, script, spec, APPROVE)
    assert [made.attempt for made in script.made] == [1, 2, 3]
    assert [line.state for line in result.deliveries] == [DONE]
    assert result.status is RunStatus.APPROVED


async def test_a_lost_push_that_the_remote_has_is_done(client: Client) -> None:
    script = Remote(agents(), makes=LOST, found=[(DONE, False)])
    result = await answered(client, script, wanted("there", deliver=("push:origin",)), APPROVE)
    assert len(script.made) == 1
    assert [line.state for line in result.deliveries] == [DONE]


async def cancelled(client: Client, script: Remote, spec: ApprovalInput, hold: Hold) -> RunResult:
    """The result as recorded of a run that is asked to end while `hold` holds a delivery."""
    script.interceptors = (hold,)
    going = asyncio.ensure_future(run(client, script, spec))
    try:
        [question] = await asked_questions(client, spec.run)
        decision = Decision(id=question.id, verdict="approve", by="ann")
        await client.get_workflow_handle(spec.run).execute_update("decide", decision)
        await hold.met()
        await cancel(client, spec.run)
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(asyncio.shield(going), 60)
    finally:
        hold.release.set()
        await asyncio.gather(going, return_exceptions=True)
    [result] = hold.results
    return result


@pytest.mark.parametrize("found", [(UNKNOWN, True), (UNKNOWN, False), (DONE, False)])
async def test_a_run_that_is_cancelled_inside_a_push_records_what_is_known(
    client: Client, found: tuple[DeliveryState, bool]
) -> None:
    """And does not push again."""
    script = Remote(agents(), found=[found])
    spec = wanted(f"cancelled-{found[0].value}-{int(found[1])}", deliver=("push:origin", "pr"))
    result = await cancelled(client, script, spec, Hold("delivery.make"))
    assert result.status is RunStatus.CANCELLED
    first, second = result.deliveries
    assert ((first.state, first.absent), script.looks) == (found, 1)
    assert second.state is DeliveryState.NOT_TRIED
    assert script.made == [], "it was held before it was made"


async def test_nothing_is_merged_after_the_run_was_asked_to_end(client: Client) -> None:
    """Also where what it waited for then ends as it would have."""
    deaf, hold = Deaf("delivery.prepare_merge"), Hold("")
    ready = ReadyMerge(tip="tip", snapshot="tree", forward=True)
    script = Remote(agents(), ready=[ready], interceptors=(deaf, hold))
    spec = wanted("cancelled-before-merge", deliver=("merge:main",))
    going = asyncio.ensure_future(run(client, script, spec))
    [question] = await asked_questions(client, spec.run)
    decision = Decision(id=question.id, verdict="approve", by="ann")
    await client.get_workflow_handle(spec.run).execute_update("decide", decision)
    await asyncio.wait_for(deaf.entered.wait(), 60)
    await cancel(client, spec.run)
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(going, 60)
    assert script.moved == []
    [result] = hold.results
    assert [line.state for line in result.deliveries] == [DeliveryState.NOT_TRIED]


@pytest.mark.parametrize("there", [True, False])
async def test_a_run_that_is_cancelled_inside_a_merge_looks_at_the_branch(
    client: Client, there: bool
) -> None:
    ready = ReadyMerge(tip="tip", snapshot="tree", forward=True)
    after = ReadyMerge(tip="merged", snapshot="tree", there=there, forward=not there)
    script = Remote(agents(), ready=[ready, after])
    spec = wanted(f"cancelled-merge-{int(there)}", deliver=("merge:main",))
    result = await cancelled(client, script, spec, Hold("delivery.move_branch"))
    [line] = result.deliveries
    expected = (DONE, "merged") if there else (DeliveryState.NOT_TRIED, "commit1")
    assert (line.state, line.commit) == expected
