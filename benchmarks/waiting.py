"""What a worker holds while many runs wait for people: `python -m benchmarks.waiting [RUNS
[CACHED]]`, CACHED being the setting `max_cached_workflows`.

Starts a server, a simulator and a worker of one process, then runs of the fan-out until so many
wait for a word about their parts. Prints the worker's resident memory (MiB) on the way, after all
have waited a while, after a restart of all, and once every run was approved.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter

from cadre.domain.decisions import Choice, Decision
from tests.e2e.harness import SCENARIOS, Home, make_repo
from tests.e2e.scenarios.shapes import FILES
from workflows.fan_out import FanOutInput

AT_ONCE = 16
STEPS = (0.1, 0.25, 0.5, 1)
WAITING = "CadreStatus = 'waiting for a decision'"
PATIENCE_SECONDS = 3600


def memory(pid: int) -> float:
    """The resident memory of a process, MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def processor(pid: int) -> float:
    """The processor time that a process has used, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def start(client: Client, run: str, repo: Path) -> None:
    """Start a run that will ask whether its parts shall start."""
    spec = FanOutInput(run=run, task="Add three shapes", repo=str(repo))
    pattern = SearchAttributeKey.for_keyword("CadrePattern")
    await client.start_workflow(
        "fan-out", spec, id=run, task_queue="cadre",
        search_attributes=TypedSearchAttributes([SearchAttributePair(pattern, "fan-out")]),
    )  # fmt: skip


async def until(client: Client, query: str, count: int) -> None:
    """Wait until so many workflows fit a query."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await client.count_workflows(query)).count < count:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def all_wait(address: str, worker: int, repo: Path, runs: int) -> None:
    """Start runs until all of them wait, and tell the worker's memory on the way."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    print(f"{0:6} waiting  {memory(worker):7.1f} MiB", flush=True)
    begun = 0
    for step in STEPS:
        while begun < runs * step:
            await start(client, f"waits-{begun}", repo)
            begun += 1
            await until(client, WAITING, begun - AT_ONCE)
        await until(client, WAITING, begun)
        print(f"{begun:6} waiting  {memory(worker):7.1f} MiB", flush=True)
    used, began = processor(worker), time.monotonic()
    await asyncio.sleep(30)  # what is measured is a wait
    share = (processor(worker) - used) / (time.monotonic() - began)
    print(f"{begun:6} waiting  {memory(worker):7.1f} MiB  {share:.2%} of a processor", flush=True)


async def all_reject(address: str, worker: int, runs: int) -> None:
    """Decide them all, and wait until they have ended."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    print(f"{runs:6} waiting  {memory(worker):7.1f} MiB  after a restart", flush=True)
    word = Decision(id="parts", verdict=Choice.REJECT, by="benchmark")
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            handle = client.get_workflow_handle(f"waits-{number}")
            await handle.execute_update("decide", word)

    began = time.monotonic()
    await asyncio.gather(*map(one, range(runs)))
    await until(client, "CadreStatus = 'rejected' AND ExecutionStatus = 'Completed'", runs)
    print(
        f"{0:6} waiting  {memory(worker):7.1f} MiB  {runs} decided and ended in "
        f"{time.monotonic() - began:.0f} s"
    )


def main() -> None:
    """Measure."""
    runs = int(sys.argv[1]) if sys.argv[1:] else 1000
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        home = Home(root, CADRE_MAX_CACHED_WORKFLOWS=sys.argv[2] if sys.argv[2:] else "1000")
        repo = make_repo(root / "repo", FILES)
        for again in (False, True):
            with home.up("--scenario", SCENARIOS / "shapes.py"):
                services = json.loads((home.state / "services.json").read_text())
                address, [worker] = services["address"], services["worker_pids"]
                work = (
                    all_reject(address, worker, runs)
                    if again
                    else all_wait(address, worker, repo, runs)
                )
                asyncio.run(work)


if __name__ == "__main__":
    main()
