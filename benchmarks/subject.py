"""Cadre as the benchmarks run it: real workflows and activities, and a tool that does nothing.

Two parts are replaced. All workspaces are one fixed empty directory, so that opening one is
nothing, and the sandbox starts no process but answers at once, as if `Read` had run in it. All
else of a tool call takes place: its input is read from the transcript, its result is stored.
"""

from __future__ import annotations

import marshal
from pathlib import Path
from typing import Any

from cadre.domain.agents import Agent, Role
from cadre.domain.budget import Limits
from cadre.domain.integration import BranchOrder, OrderBranches
from cadre.domain.roles import SCOUT
from cadre.domain.runs import AgentSpec
from cadre.domain.usage import Model
from cadre.domain.workspaces import OpenWorkspace, Workspace
from cadre.llm.prices import PRICES
from cadre.storage.objects import Objects
from cadre.tools.definitions import built_in_definitions
from cadre.tools.sandbox import Completed, Level
from cadre.tools.workspace import Opened, Workspaces
from cadre.tools.workspace.lease import View

MODEL: Model = PRICES["claude-sonnet-5"]
DEFINITION_KEY = "benchmark/definition.json"
SMALL, LARGE = "small.txt", "large.txt"
# 20,000 bytes, in letters of two bytes each: so 200 of them fit the model's context window.
_LARGE_TEXT = "é" * 10_000
_NOWHERE = Workspace(run="benchmark", name="main", base="0" * 40, snapshot="0" * 40)


class NoTool:
    """A sandbox in which nothing runs: the large file or the small one, read at once."""

    level, owner, python, ripgrep = Level.NONE, None, "python", "rg"

    def path(self, workspace: Path) -> str:
        return str(workspace)

    async def run(self, *_: object, stdin: bytes | None = None, **__: object) -> Completed:
        asked = marshal.loads(stdin or b"")
        text = _LARGE_TEXT if asked["file_path"] == LARGE else "ok"
        output = f"+{text}".encode()
        return Completed(0, output, False, len(output), False, 0.0)


class NoWorkspaces(Workspaces):
    """One directory for all."""

    async def open(self, request: OpenWorkspace) -> Opened:
        given = {"run": request.run, "name": request.name, "base": request.base}
        return Opened(_NOWHERE.model_copy(update=given), Level.NONE, (), None)

    async def order(self, _: OrderBranches) -> BranchOrder:
        return BranchOrder(steps=())

    async def view(self, *_: object) -> View:
        return View(self._state, ())


async def store_definition(objects: Objects) -> None:
    """What every agent of the benchmarks is."""
    await objects.put(DEFINITION_KEY, built_in_definitions()["scout"].model_dump_json())


def spec(run: str, task: str, limits: Limits | None = None) -> AgentSpec:
    """An agent of its own run."""
    return AgentSpec(
        run=run,
        agent_id="cadre",
        agent=agent(),
        task=task,
        workspace=_NOWHERE,
        snapshot=_NOWHERE.snapshot,
        limits=limits or Limits(),
    )


def agent(role: Role = SCOUT) -> Agent:
    """The built-in agent that fills a role."""
    return Agent(
        name=role.name,
        role=role,
        definition_key=DEFINITION_KEY,
        sha256="0" * 64,
        source="built-in",
        tools=built_in_definitions()[role.name].tools or (),
        model=MODEL,
    )


def request(role: Role = SCOUT) -> dict[str, Any]:
    """What every request of such an agent says beside its messages, for the floor to say too."""
    from cadre.llm.requests import make_frame, make_request  # noqa: PLC0415 (takes seconds)
    from cadre.tools.registry import Toolbox  # noqa: PLC0415

    asker, definition = agent(role), built_in_definitions()[role.name]
    frame = make_frame("floor", asker, definition, Toolbox().schemas(asker.tools))
    return make_request(MODEL, frame, [], max_tokens=32_000)
