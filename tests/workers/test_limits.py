"""How many activities of a kind run at once, on a real server."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cadre.runtime import devserver
from cadre.runtime.settings import Settings
from workers.limits import LimitActivities

AT_ONCE = 2
CALLS = 6


@workflow.defn
class Many:
    @workflow.run
    async def run(self, name: str) -> int:
        """Start many at once; the highest number of them that ran together."""
        patience = timedelta(minutes=1)
        together = await asyncio.gather(
            *(
                workflow.execute_activity(
                    name,
                    start_to_close_timeout=patience,
                    schedule_to_close_timeout=patience,
                    heartbeat_timeout=timedelta(seconds=1),
                )
                for _ in range(CALLS)
            )
        )
        most: int = max(together)
        return most


class Counted:
    """Activities that count how many of them run."""

    def __init__(self) -> None:
        self.running = 0
        self.all_running = asyncio.Event()
        self.attempts: list[int] = []

    @activity.defn(name="limited")
    async def limited(self) -> int:
        """Longer, all in all, than a waiting one's heartbeat may stay out."""
        self.attempts.append(activity.info().attempt)
        self.running += 1
        together = self.running
        for _ in range(6):
            activity.heartbeat()
            await asyncio.sleep(0.1)
        self.running -= 1
        return together

    @activity.defn(name="free")
    async def free(self) -> int:
        """Ends only when all of them run together."""
        self.running += 1
        together = self.running
        if together == CALLS:
            self.all_running.set()
        while not self.all_running.is_set():
            activity.heartbeat()
            await asyncio.sleep(0.05)
        return together


async def run(settings: Settings, counted: Counted, name: str) -> int:
    limits = LimitActivities({"limited": asyncio.Semaphore(AT_ONCE)})
    async with devserver.running(settings) as server:
        client = await Client.connect(server.address)
        async with Worker(
            client,
            task_queue="limits",
            workflows=[Many],
            activities=[counted.limited, counted.free],
            workflow_runner=UnsandboxedWorkflowRunner(),
            interceptors=[limits],
        ):
            return await client.execute_workflow(Many.run, name, id=name, task_queue="limits")


async def test_a_limited_kind_waits_alive(settings: Settings) -> None:
    counted = Counted()
    assert await run(settings, counted, "limited") == AT_ONCE
    assert counted.attempts == [1] * CALLS


async def test_other_kinds_are_not_limited(settings: Settings) -> None:
    assert await run(settings, Counted(), "free") == CALLS
