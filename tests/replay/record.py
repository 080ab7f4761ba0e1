"""Record the histories that the replay test reads: `.venv/bin/python -m tests.replay.record`.

To be run when workflows change on purpose in a way that old histories cannot follow. A real run of
the demo's scenario on a real server; only what names this machine is replaced.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client

from cadre.simulator.sample import SAMPLE_CHECK, SAMPLE_TASK, make_sample
from tests.e2e.harness import Home

HISTORIES = Path(__file__).parent / "histories"
RUN = "replayed"


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


def main() -> None:
    """Run the demo's job and write its histories."""
    root = Path(tempfile.mkdtemp(prefix="cadre-replay-", dir="/tmp"))
    home, repo = Home(root), root / "repo"
    make_sample(repo)
    with home.up("--simulate") as services:
        home.pipeline(repo, SAMPLE_TASK, "--check", SAMPLE_CHECK, "--scouts", "2", "--id", RUN)
        histories = asyncio.run(fetch(services["address"]))
    HISTORIES.mkdir(exist_ok=True)
    for old in HISTORIES.glob("*.json"):
        old.unlink()
    for workflow_id, history in histories.items():
        name = workflow_id.replace("/", "_")
        text = json.dumps(neutral(history), indent=1)
        (HISTORIES / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
