"""The commands as a user types them: what they print, and with which status they exit."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygit2
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cadre.domain.turns import ModelCall
from cadre.runtime.events.recording import write_record
from cadre.storage.objects import Objects
from tests.starters.conftest import Cadre
from tests.workflows.course import REPORTS
from tests.workflows.scripted import Script, report, uses
from tests.workflows.test_pipeline import FINDING

Start = Callable[..., "subprocess.Popen[str]"]


def play(call: ModelCall) -> Any:
    role = call.agent.role.name
    if call.turn == 1 and role == "builder":
        return uses("Edit", read_only=False)
    return report(**REPORTS[role])


def refuse(call: ModelCall) -> Any:
    if call.agent.role.name != "reviewer":
        return play(call)
    return report(verdict="request_changes", summary="not yet", findings=[FINDING])


def new_id() -> str:
    return f"r-{uuid.uuid4().hex[:8]}"


async def call(cadre: Cadre, *arguments: Any, **options: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(cadre, *arguments, **options)


async def pipeline(
    cadre: Cadre, repo: Path, *options: Any, task: str = "fix it"
) -> subprocess.CompletedProcess[str]:
    return await call(cadre, "run", "pipeline", task, "--repo", repo, *options)


async def test_a_run_from_start_to_result(
    client: Client, queue: str, cadre: Cadre, repo: Path
) -> None:
    script = Script(play, check=lambda request: int(request.name == "before"))
    run = new_id()
    async with script.worker(client, queue):
        done = await pipeline(
            cadre, repo, "--id", run, "--check", "make check", "--scouts", "2", "--max-cost", "3"
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "turn 1   Edit" in done.stdout
    assert "verdict  approved: good" in done.stdout
    assert f"branch   cadre/{run}" in done.stdout
    assert "check    before: fails with status 1" in done.stdout
    assert "check    after: passes" in done.stdout
    assert {c.agent_id for c in script.model_calls} >= {"scout.1", "scout.2"}
    assert "\x1b" not in done.stdout

    shown = await call(cadre, "show", run)
    assert shown.returncode == 0
    assert [line.split()[1:3] for line in shown.stdout.splitlines() if "─ " in line][-2:] == [
        ["builder.1", "reported"],
        ["reviewer.1", "reported"],
    ]
    found = json.loads((await call(cadre, "show", run, "--json")).stdout)
    assert (found["status"], found["turns"], found["cost_usd"]) == ("approved", 6, "0.06")

    logs = await call(cadre, "logs", run, "--agent", "builder.1", "--json")
    events = [json.loads(line) for line in logs.stdout.splitlines()]
    assert {event["at"]["agent_id"] for event in events} == {"builder.1"}
    assert events[-1]["kind"] == "agent_ended"

    watched = await call(cadre, run, module="watch")
    assert watched.returncode == 0
    assert "verdict  approved: good" in watched.stdout


async def test_a_run_that_is_not_approved_exits_with_1(
    client: Client, queue: str, cadre: Cadre, repo: Path
) -> None:
    async with Script(refuse).worker(client, queue):
        done = await pipeline(cadre, repo, "--max-rounds", "1", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["status"] == "not approved"
    assert found["result"]["findings"] == [FINDING]
    assert "builder.1" in done.stderr, "progress goes to standard error"


async def test_the_same_id_starts_one_run(
    client: Client, queue: str, cadre: Cadre, repo: Path
) -> None:
    run = new_id()
    both = await asyncio.gather(
        *(pipeline(cadre, repo, "--id", run, "--detach", "--json") for _ in range(2))
    )
    told = [[line.split()[0] for line in done.stderr.splitlines()] for done in both]
    assert told == [["limits", "estimate"]] * 2
    begun = [json.loads(done.stdout) for done in both]
    assert [b["run"] for b in begun] == [run, run]
    assert sorted(b["new"] for b in begun) == [False, True]

    other = await pipeline(cadre, repo, "--id", run, task="fix that")
    assert other.returncode == 2
    assert "a run with other input has that ID" in other.stderr

    script = Script(play)
    async with script.worker(client, queue):
        attached = await pipeline(cadre, repo, "--id", run)
        again = await pipeline(cadre, repo, "--id", run)
    assert (attached.returncode, again.returncode) == (0, 0)
    assert "exists already (completed)" in again.stdout
    assert "verdict  approved" in again.stdout
    assert len(script.model_calls) == 5, "it ran once"


async def test_ctrl_c_leaves_the_run_going(
    client: Client, queue: str, start: Start, cadre: Cadre, repo: Path
) -> None:
    run, script = new_id(), Script(play, hold=asyncio.Event())
    async with script.worker(client, queue):
        process = start("run", "pipeline", "fix it", "--repo", repo, "--id", run)
        await script.entered.wait()
        process.send_signal(signal.SIGINT)
        _, said = await asyncio.to_thread(process.communicate, timeout=60)
        assert process.returncode == 130, said
        assert f"`cadre watch {run}`" in said
        script.hold.set()  # type: ignore[union-attr]
        watched = await call(cadre, "watch", run, "--json")
    events = [json.loads(line) for line in watched.stdout.splitlines()]
    assert watched.returncode == 0
    assert (events[0]["kind"], events[-1]["kind"]) == ("run_started", "run_ended")


async def test_cancel(client: Client, queue: str, cadre: Cadre, repo: Path) -> None:
    run, script = new_id(), Script(play, hold=asyncio.Event())
    async with script.worker(client, queue):
        await pipeline(cadre, repo, "--id", run, "--detach")
        await script.entered.wait()
        asked = json.loads((await call(cadre, "cancel", run, "--json")).stdout)
        watched = await call(cadre, "watch", run)
        late = await call(cadre, "cancel", run)
    assert asked == {"run": run, "asked": True, "status": "running"}
    assert watched.returncode == 1
    assert "verdict  cancelled" in watched.stdout
    assert (late.returncode, late.stdout) == (0, f"{run} has ended already: cancelled\n")


async def test_list_shows_the_latest_first(
    client: Client, queue: str, cadre: Cadre, repo: Path
) -> None:
    first, second = new_id(), new_id()
    async with Script(play).worker(client, queue):
        for run in (first, second):
            assert (await pipeline(cadre, repo, "--id", run)).returncode == 0

        async def listed() -> list[dict[str, Any]]:
            rows = json.loads((await call(cadre, "list", "--limit", "100", "--json")).stdout)
            return [row for row in rows if row["repo"] == str(repo)]

        async with asyncio.timeout(60):  # visibility follows a moment later
            while len(rows := await listed()) < 2 or any(row["open"] for row in rows):
                await asyncio.sleep(0.1)
    assert [(row["run"], row["status"]) for row in rows] == [
        (second, "approved"),
        (first, "approved"),
    ]
    assert rows[0]["cost_usd"] == 0.05
    assert len(json.loads((await call(cadre, "list", "--limit", "1", "--json")).stdout)) == 1


async def test_logs_come_from_the_record_when_the_history_is_gone(
    client: Client, queue: str, cadre: Cadre, repo: Path, environment: dict[str, str]
) -> None:
    run, script = new_id(), Script(play)
    async with script.worker(client, queue):
        assert (await pipeline(cadre, repo, "--id", run)).returncode == 0
    before = await call(cadre, "logs", run)
    objects = Objects.open(f"file://{environment['CADRE_STATE_DIR']}/store")
    for agent_id in ("", "scout", "planner", "builder.1", "reviewer.1"):
        await write_record(client, objects, run, agent_id)
        await forget(client, f"{run}/{agent_id}".rstrip("/"))

    logs = await call(cadre, "logs", run)
    assert logs.returncode == 0
    assert logs.stdout == before.stdout
    shown = json.loads((await call(cadre, "show", run, "--json")).stdout)
    assert (shown["status"], shown["turns"]) == ("approved", 5)
    again = await pipeline(cadre, repo, "--id", run)
    assert again.returncode == 2, "its answers lie under that ID"
    assert "an earlier run had that ID" in again.stderr
    gone = await call(cadre, "logs", run, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert gone.stdout == logs.stdout, "no server is needed for it"


async def forget(client: Client, workflow: str) -> None:
    """Do at once what retention does in time."""
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=workflow)
        )
    )
    async with asyncio.timeout(60):
        while True:
            try:
                await client.get_workflow_handle(workflow).describe()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return
                raise
            await asyncio.sleep(0.05)


WRONG = {
    "no repository": (["--repo", "elsewhere"], "not a git repository"),
    "no directory": (["--repo", "nowhere"], "there is no such directory"),
    "no commit": (["--base", "nope"], "--base 'nope': not a commit of"),
    "budget": (["--max-cost", "0"], "--max-cost 0: Input should be greater than 0"),
    "bound": (["--scouts", "11"], "--scouts 11: Input should be less than or equal to 10"),
    "number": (["--scouts", "many"], "--scouts"),
    "ID": (["--id", "../x"], "--id ../x: take a-z"),
    "empty ID": (["--id", ""], "--id : take a-z"),
    "empty check": (["--check", " "], "--check: it is empty"),
    "nobody": (["--approvers", ""], "--approvers: it is empty"),
    "four eyes": (
        ["--four-eyes", "--requested-by", "ann", "--approvers", "ann"],
        "--four-eyes: nobody could decide: --approvers names ann alone",
    ),
    "mode": (["--permission-mode", "none"], "--permission-mode none: Input should be 'default', "),
    "expiry": (["--on-expiry", "edit"], "--on-expiry edit: say approve or reject"),
    "tool": (["--disallowed-tools", "Fly"], "'Fly': no such tool"),
    "option": (["--fly"], "--fly"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_wrong_input_is_one_line_and_starts_nothing(
    client: Client, cadre: Cadre, repo: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    options, expected = WRONG[name]
    done = await pipeline(cadre, repo, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert (await client.count_workflows(f"CadreRepo = '{repo}'")).count == 0
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "pipeline", "   ", "--repo", "repo"], "task: it is empty"),
        (["run", "pipeline", "fix"], "--repo"),
        (["run"], "name a pattern (cadre run PATTERN TASK): one-shot, scout-build, "),
        (["run", "pipelin", "fix"], "unknown pattern 'pipelin': there is "),
        (
            ["run", "approval", "fix", "--repo", ".", "--deliver", "it:all"],
            "--deliver it:all: 'it:all' is none of merge:BRANCH, ",
        ),
        (["fly"], "No such command 'fly'"),
        (["show", "nope"], "no run 'nope'"),
        (["logs", "../../nope"], "no run '../../nope'"),
        (["watch", "nope"], "no run 'nope'"),
        (["cancel", "nope"], "no run 'nope'"),
        (["list", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_arguments_are_one_line(
    cadre: Cadre, repo: Path, arguments: list[str], expected: str
) -> None:
    done = cadre(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_said_in_a_line(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "starters.cli", "--help"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "cadre: the output cannot be written: No space left on device\n"


def test_an_empty_repository_has_nothing_to_start_from(cadre: Cadre, tmp_path: Path) -> None:
    pygit2.init_repository(tmp_path / "empty")
    done = cadre("run", "pipeline", "fix it", "--repo", tmp_path / "empty")
    assert done.returncode == 2
    assert "no commit yet" in done.stderr


@pytest.mark.parametrize("command", [["list"], ["watch", "r"], ["cancel", "r"], ["show", "r"]])
def test_a_server_that_does_not_answer(cadre: Cadre, command: list[str]) -> None:
    done = cadre(*command, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no Temporal server answers at 127.0.0.1:1" in done.stderr
    assert done.stderr.count("\n") == 1


async def test_a_missing_worker_is_said(
    client: Client, start: Start, repo: Path, queue: str
) -> None:
    process = start("run", "pipeline", "fix it", "--repo", repo)
    assert process.stderr is not None
    warned = await asyncio.to_thread(process.stderr.readline)
    assert "no worker polls for work yet" in warned
    async with Script(play).worker(client, queue):
        await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 0


async def test_a_foreign_workflow_is_no_run(client: Client, cadre: Cadre, repo: Path) -> None:
    foreign = new_id()
    await client.start_workflow("other", id=foreign, task_queue="nobody")
    assert (await call(cadre, "show", foreign)).returncode == 2
    taken = await pipeline(cadre, repo, "--id", foreign)
    assert taken.returncode == 2
    assert "a workflow that is no run of Cadre has that ID" in taken.stderr


def test_help_loads_nothing_slow(cadre: Cadre) -> None:
    done = cadre("--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert "Run the main job on a sample repository." in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded, "the list of imports is complete"
    assert not loaded & {"temporalio", "anthropic", "pydantic", "pygit2", "rich.console"}
