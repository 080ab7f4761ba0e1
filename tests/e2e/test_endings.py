"""Runs that end otherwise than by their own result: cancelled, terminated, with a wrong key."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter

from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.sandbox import open_sandbox, probe
from cadre.tools.workspace import Workspaces
from tests.e2e.harness import SCENARIOS, Home, git, make_repo, simulator, until
from workers.reaper import reap

PARTS = SCENARIOS / "parts.py"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"README.md": "# A repository\n"})


def at_work(home: Home) -> list[Path]:
    """Workspaces in which the builder's command runs."""
    try:
        found = list(home.state.glob("runs/*/main/tree.*/parts.txt"))
        return [p for p in found if p.read_text().count("\n") < 15]
    except FileNotFoundError:  # directories come and go while they are looked through
        return []


def commands() -> list[str]:
    """The builder's command, wherever it still runs on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "echo part $i" in line and "pytest" not in line:
            found.append(line)
    return found


def begin(home: Home, repo: Path, run: str) -> None:
    begun = home.run("run", "pipeline", "Write the parts", "--repo", repo, "--id", run, "--detach")
    assert begun.returncode == 0, begun.stderr
    until(lambda: at_work(home), "the command at work")
    assert commands()


async def test_cancelling_ends_everything_in_order(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    with home.up("--scenario", PARTS) as services:
        begin(home, repo, "c1")
        assert home.run("cancel", "c1").returncode == 0
        watched = home.run("watch", "c1")
        assert watched.returncode == 1, watched.stdout + watched.stderr
        assert commands() == []
        shown = json.loads(home.run("show", "c1", "--json").stdout)
        assert shown["status"] == "cancelled"
        client = await Client.connect(services["address"])
        run = await client.get_workflow_handle("c1").describe()
        assert run.status is WorkflowExecutionStatus.CANCELED
        agent = await client.get_workflow_handle("c1/builder.1").describe()
        assert agent.status is not WorkflowExecutionStatus.RUNNING
    assert not list(home.state.glob("runs/c1/*"))
    assert (home.state / "store" / keys.record("c1")).exists()
    assert git(repo, "branch", "--list", "cadre/*") == "", "half a command is no result"


async def test_a_terminated_run_is_cleared_away(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    with home.up("--scenario", PARTS) as services:
        begin(home, repo, "t1")
        client = await Client.connect(services["address"], data_converter=pydantic_data_converter)
        await client.get_workflow_handle("t1").terminate("enough")
        until(lambda: not commands(), "the command's end")
        agent = client.get_workflow_handle("t1/builder.1")
        await agent.result()
        objects = Objects.open(f"file://{home.state}/store")
        workspaces = Workspaces(home.state, open_sandbox(probe()))
        assert await reap(client, objects, workspaces) == [], "not at once"
        assert await reap(client, objects, workspaces, timedelta(0)) == ["t1"]
        assert await reap(client, objects, workspaces, timedelta(0)) == []
    assert not list(home.state.glob("runs/t1*"))
    store = home.state / "store"
    assert all((store / keys.record("t1", agent)).exists() for agent in ("scout", "builder.1"))
    last = json.loads((store / keys.record("t1")).read_text())[-1]
    assert (last["kind"], last["close"]) == ("run_ended", "terminated")


def test_a_wrong_key_ends_the_run_at_once_with_what_to_do(tmp_path: Path, repo: Path) -> None:
    home = Home(tmp_path)
    with (
        simulator(tmp_path, "sk-right") as url,
        home.up(ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="sk-wrong"),
    ):
        done = home.run("run", "pipeline", "Anything", "--repo", repo, "--json")
        asked = json.loads(urlopen(f"{url}/simulator/requests").read())
    shown = json.loads(done.stdout)
    assert done.returncode == 1
    assert shown["status"] == "failed"
    assert "ANTHROPIC_API_KEY" in shown["result"]["summary"]
    assert "sk-wrong" not in done.stdout + done.stderr
    assert len(asked["requests"]) == 1, "a wrong key is not tried again"
