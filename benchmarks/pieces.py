"""What Cadre's own parts cost, each alone: milliseconds of one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pygit2

from activities.transcripts import Conversation, Transcripts
from benchmarks.measure import p50
from cadre.domain.usage import Usage
from cadre.domain.workspaces import OpenWorkspace, Workspace
from cadre.llm.segment import Segment
from cadre.storage.objects import Objects
from cadre.tools.registry import Toolbox, ToolContext
from cadre.tools.sandbox import Sandbox, open_sandbox, probe
from cadre.tools.workspace import Workspaces

FILES = 1_000


async def pieces(state: Path, times: int) -> list[tuple[str, float]]:
    """Name and p50 of each, in milliseconds."""
    sandbox = open_sandbox(await asyncio.to_thread(probe))
    repository = await asyncio.to_thread(_repository, state / "repository")
    workspaces = Workspaces(state, sandbox)
    opened = await workspaces.open(OpenWorkspace(run="pieces", repo=str(repository)))
    costs = Costs(workspaces, opened.workspace, sandbox, times)
    return [
        *await costs.changes(),
        *await costs.tools(),
        ("store a transcript's segment of 20 KB", await _segments(state, times)),
    ]


class Costs:
    """The costs of a workspace of `FILES` files."""

    def __init__(
        self, workspaces: Workspaces, workspace: Workspace, sandbox: Sandbox, times: int
    ) -> None:
        self._workspaces = workspaces
        self._workspace = workspace
        self._sandbox = sandbox
        self._times = times

    async def changes(self) -> list[tuple[str, float]]:
        """Take the workspace, snapshot one changed file; and take it after a dead attempt."""
        begun: list[float] = []
        kept: list[float] = []
        restored: list[float] = []
        snapshot = self._workspace.snapshot
        for number in range(self._times):
            began = time.perf_counter()
            lease = await self._workspaces.begin(self._workspace, snapshot, f"c/{number}/u/1")
            begun.append(time.perf_counter() - began)
            (lease.path / "module_7.py").write_text(f"changed = {number}\n")
            began = time.perf_counter()
            snapshot = await lease.snapshot()
            await lease.finish(snapshot)
            kept.append(time.perf_counter() - began)
        for number in range(self._times):  # each finds that the one before it never ended
            began = time.perf_counter()
            await self._workspaces.begin(self._workspace, snapshot, f"c/{number}/u/2")
            restored.append(time.perf_counter() - began)
        return [
            (f"take the workspace ({FILES:,} files)", p50(begun[1:]) * 1000),
            ("snapshot it with one changed file", p50(kept[1:]) * 1000),
            ("restore it after a dead attempt", p50(restored[1:]) * 1000),
        ]

    async def tools(self) -> list[tuple[str, float]]:
        """A command and a file tool in the sandbox."""
        view = await self._workspaces.view(self._workspace, self._workspace.snapshot)
        context = ToolContext(
            self._sandbox, view.path, writable=False, mounts=view.mounts, env=view.env
        )
        level = self._sandbox.level.value
        return [
            (
                f"Bash: true ({level})",
                await self._timed(lambda: Toolbox().run("Bash", {"command": "true"}, context)),
            ),
            (
                f"Read ({level})",
                await self._timed(
                    lambda: Toolbox().run("Read", {"file_path": "module_7.py"}, context)
                ),
            ),
        ]

    async def _timed(self, call: Callable[[], Awaitable[object]]) -> float:
        await call()
        seconds = []
        for _ in range(self._times):
            began = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - began)
        return p50(seconds) * 1000


async def _segments(state: Path, times: int) -> float:
    transcripts = Transcripts(Objects.open(f"file://{state / 'segments'}"))
    conversation, seconds = Conversation(), []
    text = {"type": "text", "text": "0123456789" * 2_000}
    segment = Segment(
        user={"role": "user", "content": [text]},
        assistant=[{"type": "text", "text": "ok"}],
        stop_reason="end_turn",
        usage=Usage(input_tokens=5_000, output_tokens=1),
        cost_usd=Decimal(0),
        attempt=1,
        model="simulated",
    )
    for _ in range(times):
        began = time.perf_counter()
        await transcripts.store("pieces", "agent", conversation, segment)
        seconds.append(time.perf_counter() - began)
        conversation = await transcripts.conversation("pieces", "agent", conversation.turns + 1)
    return p50(seconds) * 1000


def _repository(path: Path) -> Path:
    repository = pygit2.init_repository(path, initial_head="main")
    for number in range(FILES):
        (path / f"module_{number}.py").write_text(f"value = {number}\n" * 20)
    repository.index.add_all()
    repository.index.write()
    who = pygit2.Signature("Benchmark", "benchmark@example.invalid", 1_700_000_000, 0)
    repository.create_commit("HEAD", who, who, "First", repository.index.write_tree(), [])
    return path
