"""A worker that plays a hostile model's answers: python -m tests.chaos.hostile.worker LEVEL STATE
REPO OTHER.

Each answer is stored as a model call would have stored it, and its tool uses are run by the
activity `tool.run`. Then the engine does with the result all that it does in a run. A line of
JSON in asks for one attack, a line out tells what came of it. The results themselves are where
the activity stored them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.calls import Calls
from activities.tools import ToolActivities
from activities.transcripts import Transcripts
from activities.workspace import WorkspaceActivities
from cadre.domain.agents import TOOL_NAMES
from cadre.domain.turns import ToolCall, ToolResult, ToolUse
from cadre.domain.usage import Usage
from cadre.domain.workspaces import (
    CommitChange,
    Deliver,
    DescribeChange,
    OpenWorkspace,
    RunCheck,
    Workspace,
)
from cadre.llm.segment import Segment
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import Toolbox
from cadre.tools.sandbox import Level, Sandbox, open_sandbox, probe
from cadre.tools.workspace import Workspaces

RUN, AGENT, USE = "hostile", "builder.1", "use"
CHECK = "git status --short; git diff --stat; git log --oneline; cat README.md tests/*; true"


class Engine:
    """The activities of a worker, on one workspace."""

    def __init__(self, state: Path, sandbox: Sandbox) -> None:
        self.objects = Objects.open(f"file://{state}/store")
        workspaces = Workspaces(state, sandbox)
        self.workspaces = workspaces
        calls = Calls(self.objects, Transcripts(self.objects))
        self.tools = ToolActivities(calls, workspaces, sandbox)
        self.files = WorkspaceActivities(workspaces, self.objects)
        self._turns = itertools.count(1)

    async def open(self, run: str, repo: str) -> Workspace:
        """A workspace in which a call has ended, so that it has a directory to write to."""
        request = OpenWorkspace(run=run, repo=repo)
        workspace: Workspace = (await self._do(self.files.open, request)).workspace
        lease = await self.workspaces.begin(workspace, workspace.snapshot, "first")
        await lease.finish(await lease.snapshot())
        return workspace

    async def play(self, workspace: Workspace, uses: list[dict[str, Any]]) -> dict[str, Any]:
        """Run the tool uses in turn, from a fresh copy of the base."""
        snapshot, stored = workspace.snapshot, []
        for use in uses:
            turn = next(self._turns)
            result = await self._use(workspace, snapshot, turn, use)
            snapshot = result.snapshot
            stored.append(keys.tool_result(RUN, AGENT, turn, USE))
        return {"stored": stored, "snapshot": snapshot, "turn": turn}

    async def settle(self, workspace: Workspace, snapshot: str, turn: int, repo: str) -> str:
        """What a run does with a change: its diff, its check, its commit, the user's branch."""
        name = f"c{turn}"
        described = DescribeChange(workspace=workspace, snapshot=snapshot, name=name)
        await self._do(self.files.describe, described)
        check = RunCheck(
            workspace=workspace, snapshot=snapshot, command=CHECK, name=name, guard_tests=True
        )
        await self._do(self.files.check, check)
        commit = await self._do(
            self.files.commit,
            CommitChange(
                workspace=workspace, snapshot=snapshot, parents=(workspace.base,), author=AGENT,
                subject="Evil", body="", seconds_since_epoch=1_700_000_000,
            ),
        )  # fmt: skip
        if commit != workspace.base:
            branch = f"cadre/{name}"
            request = Deliver(workspace=workspace, repo=repo, commit=commit, branch=branch)
            await self._do(self.files.deliver, request)
        return str(commit)

    async def _use(
        self, workspace: Workspace, snapshot: str, turn: int, use: dict[str, Any]
    ) -> ToolResult:
        block = {"type": "tool_use", "id": USE, **use}
        segment = Segment(
            user=None, assistant=[block], stop_reason="tool_use", usage=Usage(),
            cost_usd=Decimal(0), attempt=1, model="scripted",
        )  # fmt: skip
        await self.objects.put(keys.turn(RUN, AGENT, turn), segment.model_dump_json())
        name = use["name"]
        call = ToolCall(
            run=RUN, agent_id=AGENT, turn=turn, tools=TOOL_NAMES, writes=True,
            workspace=workspace, snapshot=snapshot,
            use=ToolUse(
                id=USE, name=name, title=Toolbox().title(name, use["input"]),
                read_only=Toolbox().is_read_only(name, writes=True),
            ),
        )  # fmt: skip
        result: ToolResult = await self._do(self.tools.run, call)
        return result

    async def _do(self, activity: Any, request: Any) -> Any:
        return await ActivityEnvironment().run(activity, request)


async def main(level: str, state: str, repo: str, other: str) -> None:
    """Serve attacks until the input ends."""
    unconfined = level == Level.NONE
    found = probe(levels=[] if unconfined else [Level(level)])
    engine = Engine(Path(state), open_sandbox(found, insecure=True))
    assert found.level == level, found.reasons
    workspace = await engine.open(RUN, repo)
    await engine.open("other", other)
    say({"pid": os.getpid(), "base": workspace.base})
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        played = await engine.play(workspace, asked["uses"])
        try:
            commit = await engine.settle(workspace, played["snapshot"], played["turn"], repo)
        except ApplicationError as error:
            say(played | {"problem": str(error)})
        else:
            say(played | {"commit": commit})


def say(answer: dict[str, Any]) -> None:
    """Answer with one line."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
