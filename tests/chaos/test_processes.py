"""No process outlives its reason, and no command brings the worker down, in whole runs."""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Iterator

import pytest
from temporalio.client import Client

from tests.chaos.scenarios.unruly import UNRULY
from tests.chaos.stage import SCENES, Stage, processes
from tests.e2e.harness import until

SCENARIO = SCENES / "unruly.py"
# Promised are 2 s; the rest is for a machine that is busy. docs/reliability.md has the measure.
DEADLINE_SECONDS = 20


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose services run."""
    stage = Stage(tmp_path_factory.mktemp("processes"))
    with stage.home.up("--scenario", SCENARIO):
        yield stage


def results(stage: Stage, run: str) -> dict[str, str]:
    """What the model was shown of each command."""
    files = sorted(stage.store(run).glob("agents/builder.1/tools/*.json"))
    return {
        name: json.loads(path.read_text())["content"]
        for name, path in zip(UNRULY, files, strict=True)
    }


def test_commands_that_misbehave_are_tool_errors(stage: Stage) -> None:
    worker = stage.pid("worker")
    stage.begin("all", task="Do all of it")
    stage.end("all")
    assert stage.pid("worker") == worker, "the worker lives on"
    assert stage.retried("all", "builder.1") == [], "nothing was run twice"
    assert processes("marker-deaf") == []
    said = results(stage, "all")
    assert said["flood"].startswith("first\nxxx")
    assert "bytes left out" in said["flood"]
    assert len(said["flood"]) < 31_000
    assert "binary output: 100000 bytes" in said["binary"]
    assert said["bomb"].endswith("[ended with all its processes after the timeout of 3 s]")
    assert "MemoryError" in said["hunger"]
    assert said["hunger"].endswith("[exit code 1]")
    assert said["deaf"].endswith("[ended with all its processes after the timeout of 2 s]")
    assert said["calm"] == "still here"


@pytest.mark.parametrize("how", ["cancel", "terminate", "terminate the agent", "kill the worker"])
async def test_no_process_is_left(stage: Stage, how: str) -> None:
    run, name = how.replace(" ", "-"), f"marker-{uuid.uuid4().hex}"
    client = await Client.connect(stage.home.services()["address"])
    handle, agent = (client.get_workflow_handle(i) for i in (run, f"{run}/builder.1"))
    stage.begin(run, task=f"Let {name} stay {name}")
    until(lambda: len(processes(name)) == 3, "a family at work")
    match how:
        case "cancel":
            await handle.cancel()
        case "terminate":
            await handle.terminate()
        case "terminate the agent":
            await agent.terminate()
        case "kill the worker":
            os.kill(stage.pid("worker"), signal.SIGKILL)
    until(lambda: processes(name) == [], "the family's end", DEADLINE_SECONDS)
    if how == "kill the worker":
        await handle.terminate()  # or its successor would start the command again
