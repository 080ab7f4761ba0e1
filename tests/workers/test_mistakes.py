"""Activities that fail by something unexpected, on a real server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cadre.domain.errors import ErrorKind
from cadre.runtime import devserver
from cadre.runtime.settings import Settings
from workers.mistakes import MAX_MISTAKES, BoundMistakes

MANY = 2 * MAX_MISTAKES


@workflow.defn
class One:
    @workflow.run
    async def run(self) -> int:
        """One activity, tried for as long as it takes; its result."""
        found: int = await workflow.execute_activity(
            "work",
            result_type=int,
            schedule_to_close_timeout=timedelta(minutes=5),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=1)),
        )
        return found


class Failing:
    """Fails as `how` says for the given attempt, or returns the attempt's number."""

    def __init__(self, how: Callable[[int], Exception | None]) -> None:
        self._how = how
        self.attempts = 0

    @activity.defn(name="work")
    async def work(self) -> int:
        self.attempts += 1
        error = self._how(self.attempts)
        if error is not None:
            raise error
        return self.attempts


async def run(settings: Settings, failing: Failing) -> int:
    async with devserver.running(settings) as server:
        client = await Client.connect(server.address)
        async with Worker(
            client,
            task_queue="mistakes",
            workflows=[One],
            activities=[failing.work],
            workflow_runner=UnsandboxedWorkflowRunner(),
            interceptors=[BoundMistakes()],
        ):
            return await client.execute_workflow(One.run, id="one", task_queue="mistakes")


async def test_a_mistake_is_final_after_a_few_attempts(settings: Settings) -> None:
    failing = Failing(lambda attempt: TypeError(f"no\nsuch {attempt}"))
    with pytest.raises(WorkflowFailureError) as failure:
        await run(settings, failing)
    assert isinstance(failure.value.cause, ActivityError)
    cause = failure.value.cause.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == ErrorKind.MISTAKE
    assert "TypeError: no such 3 (3 times" in cause.message
    assert failing.attempts == MAX_MISTAKES


async def test_what_may_mend_itself_is_not_counted(settings: Settings) -> None:
    def how(attempt: int) -> Exception | None:
        if attempt > MANY:
            return None
        return OSError("the disk is full") if attempt % 3 else KeyError("x")

    # Two mistakes among faults of the disk.
    assert await run(settings, Failing(how)) == MANY + 1


async def test_a_failure_that_knows_itself_is_not_counted(settings: Settings) -> None:
    def how(attempt: int) -> Exception | None:
        return None if attempt > MANY else ApplicationError("busy", type="model unavailable")

    assert await run(settings, Failing(how)) == MANY + 1
