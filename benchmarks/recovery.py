"""How long work stands still when a process is killed: `python -m benchmarks.recovery [TIMES]`.

Each case is a run of its own, with real processes and SIGKILL. The clock stops when the attempt
starts that succeeds (by Temporal's history), or when the last process of a command is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from temporalio.api.enums.v1 import EventType
from temporalio.service import RPCError

from benchmarks.takeover import (
    AGENT,
    history,
    process_of,
    restarted,
    staged,
    taken_up,
    waiting_to_retry,
)
from tests.chaos.stage import SCENES, processes
from tests.e2e.harness import until

EFFECTS, UNRULY = SCENES / "effects.py", SCENES / "unruly.py"
FAMILY = "marker-recovery"


async def in_a_command(*names: str) -> float:
    """Kill services while a command runs."""
    async with staged(EFFECTS) as (stage, client):
        stage.begin("killed")
        until(lambda: stage.half_done("killed"), "a command at work")
        killed = time.time()
        stage.kill(*names)
        stage.end("killed")
        return await restarted(client) - killed


async def in_a_model_call() -> float:
    """Kill the worker while the model answers."""
    async with staged(f"{EFFECTS}:stalling") as (stage, client):
        stage.begin("killed")
        until(lambda: [c for c in stage.calls("builder.1", 2) if c["paid"]], "half an answer")
        killed = time.time()
        stage.kill("worker")
        stage.end("killed")
        return await restarted(client) - killed


async def in_a_command_of_two() -> float:
    """Kill the worker that runs a command while another one stands by."""
    async with staged(EFFECTS) as (stage, client):
        with stage.second_worker() as second:
            stage.begin("killed")
            until(lambda: stage.half_done("killed"), "a command at work")
            found = await client.get_workflow_handle(AGENT).describe()
            holder = process_of(found.raw_description.pending_activities[0].last_worker_identity)
            killed = time.time()
            os.kill(holder if holder == second else stage.pid("worker"), signal.SIGKILL)
            stage.end("killed")
            return await restarted(client) - killed


async def between_steps() -> float:
    """Kill the worker while the service is overloaded and nothing runs: from there until its
    successor makes the call, which is due after a second."""
    async with staged(f"{EFFECTS}:overloaded") as (stage, client):
        stage.begin("killed")
        until(lambda: stage.calls("builder.1", 2), "the call")
        await waiting_to_retry(client)
        killed = time.time()
        stage.kill("worker")
        stage.end("killed")
        return await restarted(client) - killed


async def between_steps_of_two() -> float:
    """Kill the worker that an agent is cached on while another one stands by: from the next
    result until the agent goes on with it."""
    async with staged(f"{EFFECTS}:overloaded") as (stage, client):
        with stage.second_worker() as second:
            stage.begin("killed")
            until(lambda: stage.calls("builder.1", 2), "the call")
            await waiting_to_retry(client)
            tasks = [
                event
                for event in await history(client)
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
            ]
            holder = process_of(tasks[-1].workflow_task_completed_event_attributes.identity)
            os.kill(holder if holder == second else stage.pid("worker"), signal.SIGKILL)
            stage.end("killed")
            return await taken_up(client)


async def server_in_a_command() -> float:
    """Kill the server while a command runs, which goes on; until another server answers."""
    async with staged(EFFECTS) as (stage, client):
        stage.begin("killed")
        until(lambda: stage.half_done("killed"), "a command at work")
        os.kill(stage.pid("server"), signal.SIGKILL)
        killed = time.monotonic()
        while True:
            try:
                await client.get_workflow_handle(AGENT).describe()
                break
            except RPCError:
                await asyncio.sleep(0.01)
        seconds = time.monotonic() - killed
        stage.end("killed")
        return seconds


async def family(how: str) -> float:
    """End the run, or its worker, while a family of processes works; until all are gone."""
    async with staged(UNRULY) as (stage, client):
        stage.begin("killed", task=f"Let {FAMILY} stay {FAMILY}")
        until(lambda: len(processes(FAMILY)) == 3, "a family at work")
        run, began = client.get_workflow_handle("killed"), time.monotonic()
        if how == "cancel":
            await run.cancel()
        elif how == "terminate":
            await run.terminate()
        else:
            os.kill(stage.pid("worker"), signal.SIGKILL)
        until(lambda: not processes(FAMILY), "the family's end")
        seconds = time.monotonic() - began
        if how == "kill":
            await run.terminate()
        return seconds


CASES: dict[str, Callable[[], Awaitable[float]]] = {
    "worker, between steps": between_steps,
    "worker, between steps, another one stands by": between_steps_of_two,
    "worker, in a model call": in_a_model_call,
    "worker, in a command": lambda: in_a_command("worker"),
    "worker, in a command, another one stands by": in_a_command_of_two,
    "server, in a command that goes on": server_in_a_command,
    "worker and server, in a command": lambda: in_a_command("worker", "server"),
    "processes gone after the worker's death": lambda: family("kill"),
    "processes gone after a cancel": lambda: family("cancel"),
    "processes gone after a terminate": lambda: family("terminate"),
}


async def main(times: int) -> None:
    """Print each case's median, least and most."""
    print(f"seconds, of {times} runs each{'':22} median    least     most")
    for name, case in CASES.items():
        found = [await case() for _ in range(times)]
        numbers = (statistics.median(found), min(found), max(found))
        print(f"{name:<46}" + "".join(f"{number:9.2f}" for number in numbers), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 3))
