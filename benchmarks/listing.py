"""How long `cadre list` takes where there are many closed runs, and `cadre --help`.

`python -m benchmarks.listing [--runs 10000]`: a scratch server with as many workflows that look
like closed runs, then `./run list` beside the bare import of Temporal's client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.measure import p50
from cadre.runtime.ports import free_port
from cadre.runtime.processes import leave
from cadre.runtime.settings import Settings
from workers.supervisor import supervised

ROOT = Path(__file__).parents[1]
RUN = [str(ROOT / "run")]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import temporalio.client": [sys.executable, "-c", "import temporalio.client"],
    "./run list": [*RUN, "list"],
    "./run list --limit 10000 --json": [*RUN, "list", "--limit", "10000", "--json"],
    "./run --help": [*RUN, "--help"],
}
AT_ONCE = 50
ATTRIBUTES = TypedSearchAttributes(
    (
        SearchAttributePair(SearchAttributeKey.for_keyword("CadrePattern"), "pipeline"),
        SearchAttributePair(SearchAttributeKey.for_keyword("CadreStatus"), "approved"),
        SearchAttributePair(SearchAttributeKey.for_keyword("CadreRepo"), "/somewhere"),
        SearchAttributePair(SearchAttributeKey.for_float("CadreCostUsd"), 0.5),
    )
)


@workflow.defn(name="pipeline")
class Closed:
    """A run that is over at once."""

    @workflow.run
    async def run(self) -> None:
        """Do nothing."""


async def make_runs(client: Client, count: int) -> None:
    """`count` closed runs, all of them to be found."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await client.execute_workflow(
                "pipeline", id=f"run-{number}", task_queue="closed", search_attributes=ATTRIBUTES
            )

    worker = Worker(
        client,
        task_queue="closed",
        workflows=[Closed],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        await asyncio.gather(*(one(number) for number in range(count)))
    deadline = time.monotonic() + 120
    while (await client.count_workflows("CadrePattern = 'pipeline'")).count < count:
        if time.monotonic() > deadline:
            raise RuntimeError("the runs do not get visible")
        await asyncio.sleep(0.2)


def timed(command: list[str], environment: dict[str, str], times: int) -> float:
    """The p50 seconds of a command."""
    seconds = []
    for _ in range(times + 1):
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return p50(seconds[1:])  # the first one finds the files cold


def listed(environment: dict[str, str], limit: int) -> int:
    """How many runs `./run list` knows."""
    command = [*RUN, "list", "--json", "--limit", str(limit)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True)
    return len(json.loads(done.stdout))


async def _measure(runs: int, times: int, state: Path) -> None:
    settings = Settings(state_dir=state, port=free_port(), ui_port=free_port())
    async with supervised(settings, worker=False) as supervisor:
        address = supervisor.services.address
        if address is None:
            raise RuntimeError("unset TEMPORAL_ADDRESS: the runs are for a scratch server")
        client = await Client.connect(address, data_converter=pydantic_data_converter)
        await make_runs(client, runs)
        environment = os.environ | {"CADRE_STATE_DIR": str(state)}
        found = await asyncio.to_thread(listed, environment, min(runs, 10_000))
        print(f"{found} of {runs} runs are listed; p50 of {times}, seconds")
        for name, command in COMMANDS.items():
            seconds = await asyncio.to_thread(timed, command, environment, times)
            print(f"  {name:<36}{seconds:8.3f}", flush=True)
    print(f"load average at the end: {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cadre-bench-") as state:
        asyncio.run(_measure(options.runs, options.times, Path(state)))
    leave(0)


if __name__ == "__main__":
    main()
