"""Record the histories that the replay test reads: `.venv/bin/python -m tests.replay.record`.

To be run when workflows change on purpose in a way that old histories cannot follow. Real runs of
scenarios on a real server; only what names this machine is replaced. Of agents that are alike, one
is kept.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from temporalio.client import Client

from cadre.simulator.sample import SAMPLE_CHECK, SAMPLE_TASK, make_sample
from tests.e2e.harness import SCENARIOS, Home, git, make_repo, until
from tests.e2e.scenarios import approving, shapes
from tests.e2e.test_sub_agents import FILES as LEAD_FILES

HISTORIES = Path(__file__).parent / "histories"
RUN, FANNED, LED, ASKED, PERMITTED = "replayed", "fanned", "led", "asked", "permitted"
KEPT = (
    *(RUN, FANNED, f"{FANNED}/resolver.1", LED, f"{LED}/worker.1", ASKED),
    *(PERMITTED, f"{PERMITTED}/worker.1"),
)


def neutral(value: Any) -> Any:
    """`value` without the name of the machine that it was recorded on."""
    if isinstance(value, dict):
        return {
            key: "worker" if key == "identity" else neutral(inner) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [neutral(inner) for inner in value]
    return value


async def fetch(address: str) -> dict[str, dict[str, Any]]:
    """The histories of the run and its agents, by workflow ID."""
    client = await Client.connect(address)
    found = {}
    async for workflow in client.list_workflows(""):
        history = await client.get_workflow_handle(workflow.id).fetch_history()
        found[workflow.id] = history.to_json_dict()
    return found


def pipeline(root: Path) -> dict[str, dict[str, Any]]:
    """The demo's job, with two scouts."""
    home, repo = Home(root), root / "repo"
    make_sample(repo)
    with home.up("--simulate") as services:
        home.pipeline(repo, SAMPLE_TASK, "--check", SAMPLE_CHECK, "--scouts", "2", "--id", RUN)
        return asyncio.run(fetch(services["address"]))


def fan_out(root: Path) -> dict[str, dict[str, Any]]:
    """A task that is split, approved, and merged with a conflict."""
    home, repo = Home(root), make_repo(root / "repo", shapes.FILES)
    options = ("--repo", repo, "--check", shapes.CHECK, "--id", FANNED)
    with home.up("--scenario", SCENARIOS / "shapes.py") as services:
        home.run("run", "fan-out", "Add shapes and names", *options, "--detach")
        until(lambda: home.run("approve", FANNED, "--by", "tester").returncode == 0, "a question")
        home.run("watch", FANNED)
        return asyncio.run(fetch(services["address"]))


def sub_agents(root: Path) -> dict[str, dict[str, Any]]:
    """An agent with two sub-agents that read and one that writes."""
    home, repo = Home(root), make_repo(root / "repo", LEAD_FILES)
    options = ("--repo", repo, "--agent", "lead", "--id", LED)
    with home.up("--scenario", SCENARIOS / "lead.py") as services:
        home.run("run", "one-shot", "Write what you see", *options)
        return asyncio.run(fetch(services["address"]))


def approval(root: Path) -> dict[str, dict[str, Any]]:
    """A result that a person rejects, then approves; it is merged, and a command fails once."""
    deploy = f"test -e {root}/there || {{ touch {root}/there; exit 1; }}"
    home = Home(root, CADRE_DELIVERY_COMMANDS=json.dumps({"deploy": deploy}))
    repo = make_repo(root / "repo", approving.FILES)
    git(repo, "switch", "-q", "-c", "mine")
    options = ("--deliver", "merge:main", "--deliver", "command:deploy", "--id", ASKED, "--detach")
    words = (
        ("reject", "result.1", "--reason", "greet 'the moon'"),
        ("approve", "result.2"),
        ("approve", "delivery.2.again"),
    )
    with home.up("--scenario", SCENARIOS / "approving.py") as services:
        home.run("run", "approval", approving.TASK, "--repo", repo, *options)
        for verb, *more in words:
            said = [verb, ASKED, *more, "--by", "tester"]
            until(partial(_taken, home, said), " ".join(said))
        home.run("watch", ASKED)
        return asyncio.run(fetch(services["address"]))


def permission(root: Path) -> dict[str, dict[str, Any]]:
    """Agents that ask before each change; one is let, and one is not."""
    home, repo = Home(root), make_repo(root / "repo", {"a.txt": "a\n"})
    tasks = ("--task", "Write one.txt", "--task", "Write two.txt", "--permission-mode", "default")
    with home.up("--scenario", SCENARIOS / "asking.py") as services:
        home.run("run", "fan-out", *tasks, "--repo", repo, "--id", PERMITTED, "--detach")
        for verb, number in (("approve", 1), ("reject", 2)):
            said = [verb, PERMITTED, f"worker.{number}/write-1", "--by", "tester"]
            until(partial(_taken, home, said), " ".join(said))
        home.run("watch", PERMITTED)
        return asyncio.run(fetch(services["address"]))


def _taken(home: Home, said: list[str]) -> bool:
    return home.run(*said).returncode == 0


def main() -> None:
    """Make the runs and write their histories."""
    root = Path(tempfile.mkdtemp(prefix="cadre-replay-", dir="/tmp"))
    histories: dict[str, dict[str, Any]] = {}
    for number, made in enumerate((pipeline, fan_out, sub_agents, approval, permission)):
        directory = root / str(number)
        directory.mkdir()
        histories |= made(directory)
    HISTORIES.mkdir(exist_ok=True)
    for old in HISTORIES.glob("*.json"):
        old.unlink()
    for workflow_id, history in histories.items():
        if workflow_id not in KEPT and not workflow_id.startswith(f"{RUN}/"):
            continue
        name = workflow_id.replace("/", "_")
        text = json.dumps(neutral(history), indent=1)
        (HISTORIES / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
