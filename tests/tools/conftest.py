"""Sandboxes of both levels, each for real. A machine where one does not work fails the tests."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cadre.tools.registry import Toolbox, ToolContext, ToolOutput
from cadre.tools.sandbox import Completed, Level, Limits, Sandbox, give, open_sandbox, probe

DEADLINE_SECONDS = 30


def _opened(level: Level, limits: Limits | None = None) -> Sandbox:
    result = probe(levels=[level], limits=limits)
    assert result.level is level, f"the tests need a machine where {level} works: {result.reasons}"
    return open_sandbox(result)


@pytest.fixture(params=[Level.BWRAP, Level.LANDLOCK], ids=str, scope="session")
def level(request: pytest.FixtureRequest) -> Level:
    level: Level = request.param
    return level


@pytest.fixture(scope="session")
def sandbox(level: Level) -> Sandbox:
    return _opened(level)


@pytest.fixture
def limited(level: Level) -> Callable[[Limits], Sandbox]:
    """A sandbox of the same level with other limits."""
    return lambda limits: _opened(level, limits)


@pytest.fixture
def workspace(tmp_path: Path, sandbox: Sandbox) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    give(path, sandbox.owner)
    return path


@pytest.fixture
def sh(sandbox: Sandbox, workspace: Path) -> Callable[..., Awaitable[Completed]]:
    """Run a shell command in the sandbox."""

    async def run(command: str, *, within: Sandbox = sandbox, **options: object) -> Completed:
        given = {"workspace": workspace, "writable": True, "timeout": 30, **options}
        return await within.run(["bash", "-c", command], **given)  # type: ignore[arg-type]

    return run


@pytest.fixture
def context(sandbox: Sandbox, workspace: Path) -> ToolContext:
    return ToolContext(sandbox=sandbox, workspace=workspace, writable=True)


@pytest.fixture
def tool(context: ToolContext) -> Callable[..., Awaitable[ToolOutput]]:
    """Call a tool with its input as keywords."""

    async def call(name: str, **given: object) -> ToolOutput:
        return await Toolbox().run(name, given, context)

    return call


@pytest.fixture
def put(workspace: Path, sandbox: Sandbox) -> Callable[[str, bytes], Path]:
    """Put a file into the workspace."""

    def write(name: str, content: bytes) -> Path:
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        give(workspace, sandbox.owner)
        return path

    return write


@pytest.fixture
def marked() -> Callable[[str], list[int]]:
    """Processes of this machine that carry a marker in their command line."""

    def find(marker: str) -> list[int]:
        found = []
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                try:
                    if marker.encode() in (path / "cmdline").read_bytes():
                        found.append(int(path.name))
                except OSError:
                    continue
        return found

    return find


@pytest.fixture
def until() -> Callable[[Callable[[], object], str], None]:
    """Wait for what other processes bring about."""

    def wait(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"never happened: {what}"
            time.sleep(0.01)

    return wait
