"""An agent ends in order: asked to end in a bad moment, and while an answer is being looked at."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from cadre.domain.budget import Bound
from cadre.domain.decisions import Choice
from cadre.domain.outcomes import AgentState
from tests.workflows.holding import Hold, cancel
from tests.workflows.scripted import Script, report, uses
from tests.workflows.test_agent import by_turn, run, spec
from tests.workflows.test_asking import asking, decide, open_questions, started

PATIENCE_SECONDS = 15


@dataclass
class Deaf(Interceptor):
    """A call of the activity `name` that ends as it would have, though it is cancelled."""

    name: str = "tool.run"
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Deaf(next, self)


class _Deaf(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, deaf: Deaf) -> None:
        super().__init__(following)
        self._deaf = deaf

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        if activity.info().activity_type == self._deaf.name:
            self._deaf.entered.set()
            while not activity.is_cancelled():
                activity.heartbeat()
                try:
                    await asyncio.wait_for(activity.wait_for_cancelled(), 0.1)
                except (TimeoutError, asyncio.CancelledError):
                    continue
        return await super().execute_activity(input)


async def test_nobody_is_asked_after_the_agent_was_asked_to_end(client: Client) -> None:
    deaf = Deaf()
    script = Script(by_turn(uses("Edit", read_only=False)), tool=asking, interceptors=(deaf,))
    async with script.worker(client, "asking"):
        handle = await started(client, script)
        await asyncio.wait_for(deaf.entered.wait(), PATIENCE_SECONDS)
        await cancel(client, handle.id)
        result = await asyncio.wait_for(handle.result(), PATIENCE_SECONDS)
    assert result.state is AgentState.CANCELLED
    assert script.notices == []


async def test_the_time_before_it_went_on_counts(client: Client) -> None:
    script = Script(by_turn(report(a=1), report(a=2)))
    first = await run(client, script, spec())
    assert first.active_seconds >= 0
    long = first.model_copy(update={"active_seconds": spec().limits.max_active_seconds})
    again = await run(client, script, spec().model_copy(update={"before": long}))
    assert (again.state, again.bound, again.turns) == (AgentState.BOUND, Bound.TIME, 1)
    assert again.active_seconds >= long.active_seconds
    assert len(script.model_calls) == 1


async def turns_answered(handle: WorkflowHandle[Any, Any]) -> int:
    """How many answers of the model the workflow has worked off."""
    asked, answered, done = set(), 0, 0
    async for event in handle.fetch_history_events():
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == "model.call":
            asked.add(event.event_id)
        if event.activity_task_completed_event_attributes.scheduled_event_id in asked:
            answered += 1
        if event.HasField("workflow_task_completed_event_attributes"):
            done = answered
    return done


async def test_an_answer_that_is_being_looked_at_gets_its_own_answer(client: Client) -> None:
    hold = Hold("decision.check")
    answers = by_turn(uses("Edit", read_only=False), report(a=1))
    script = Script(answers, tool=asking, interceptors=(hold,))
    async with script.worker(client, "asking"):
        handle = await started(client, script, expire_hours=0.001)
        [question] = await open_questions(client, handle.id, 1)
        late = asyncio.create_task(decide(handle, question, Choice.APPROVE))
        try:
            await hold.met()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await turns_answered(handle) < 2:
                    await asyncio.sleep(0.05)
        finally:
            hold.release.set()
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await late
        assert (await handle.result()).state is AgentState.REPORTED
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.message.startswith("edit-1 is decided already: rejected by cadre")
