"""Tool calls within permissions: the real activity, sandbox and workspace, at the best level."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.calls import Calls
from activities.tools import ToolActivities
from activities.transcripts import Transcripts
from cadre.domain.agents import TOOL_NAMES
from cadre.domain.hooks import Hook, HookEvent
from cadre.domain.permissions import Layer, PermissionMode, Permissions
from cadre.domain.turns import ToolCall, ToolResult, ToolUse
from cadre.domain.usage import Usage
from cadre.domain.workspaces import OpenWorkspace, Workspace
from cadre.llm.segment import Segment
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import Toolbox
from cadre.tools.sandbox import open_sandbox, probe
from cadre.tools.workspace import Workspaces
from tests.e2e.harness import git, make_repo

FILES = {
    "src/a.py": "a = 1\n",
    "docs/b.md": "text\n",
    ".env": "SECRET=1\n",
    "secrets/deep/key": "SECRET=2\n",
    "guard.sh": "exit 0\n",
}
DENIED = "Denied: the run denies"


class Player:
    """Plays tool calls one after the other, as an agent's workflow does."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._objects = Objects.open(f"file://{root}/objects")
        sandbox = open_sandbox(probe())
        self._workspaces = Workspaces(root / "state", sandbox)
        calls = Calls(self._objects, Transcripts(self._objects))
        self._tools = ToolActivities(calls, self._workspaces, sandbox)
        self._turns = itertools.count(1)
        self._workspace: Workspace | None = None
        self._snapshot = ""

    async def open(self) -> None:
        repo = make_repo(self._root / "repo", FILES)
        (repo / "docs" / "link").symlink_to("../.env")
        git(repo, "add", "-A")
        git(repo, "-c", "user.name=A", "-c", "user.email=a@example.invalid", "commit", "-qm", "l")
        opened = await self._workspaces.open(OpenWorkspace(run="r", repo=str(repo)))
        self._workspace, self._snapshot = opened.workspace, opened.workspace.snapshot

    async def __call__(
        self, permissions: Permissions, tool: str, *, writes: bool = True, **given: Any
    ) -> tuple[ToolResult, str]:
        """The result of a call, and what the model is told of it."""
        call = await self.call(permissions, tool, writes=writes, **given)
        result = await self.run(call)
        stored = await self._objects.get_json(keys.tool_result("r", "b", call.turn, "u"))
        assert stored is not None
        assert stored["denied"] is result.denied
        return result, stored["content"]

    async def call(
        self, permissions: Permissions, tool: str, *, writes: bool = True, **given: Any
    ) -> ToolCall:
        """A call as the workflow makes it."""
        assert self._workspace is not None
        turn = next(self._turns)
        block = {"type": "tool_use", "id": "u", "name": tool, "input": given}
        segment = Segment(
            user=None, assistant=[block], stop_reason="tool_use", usage=Usage(),
            cost_usd=Decimal(0), attempt=1, model="scripted",
        )  # fmt: skip
        await self._objects.put(keys.turn("r", "b", turn), segment.model_dump_json())
        read_only = Toolbox().is_read_only(tool, writes=writes)
        return ToolCall(
            run="r", agent_id="b", turn=turn, tools=TOOL_NAMES, permissions=permissions,
            writes=writes, workspace=self._workspace, snapshot=self._snapshot,
            use=ToolUse(id="u", name=tool, title=tool, read_only=read_only),
        )  # fmt: skip

    async def run(self, call: ToolCall, *, attempt: int = 1) -> ToolResult:
        """Run a call; the next one starts from what it left."""
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=attempt)
        result: ToolResult = await environment.run(self._tools.run, call)
        self._snapshot = result.snapshot
        return result

    async def stored(self, key: str) -> Any:
        """What the object store has under a key."""
        return await self._objects.get_json(key)

    async def files(self) -> str:
        """All files and what is in them, as a witness without any rule sees them."""
        _, said = await self(Permissions(), "Bash", command="grep -r '' . --exclude-dir=.git")
        return said


Play = Callable[..., Awaitable[tuple[ToolResult, str]]]


@pytest.fixture
async def play(tmp_path: Path) -> Player:
    player = Player(tmp_path)
    await player.open()
    return player


def bound(mode: PermissionMode | None = None, **rules: tuple[str, ...]) -> Permissions:
    return Permissions(layers=(Layer(source="the run", mode=mode, **rules),))


def hooked(*hooks: Hook, **rules: tuple[str, ...]) -> Permissions:
    layers = (Layer(source="the run", **rules),) if rules else ()
    return Permissions(layers=layers, hooks=hooks)


def before(command: str, **more: Any) -> Hook:
    return Hook(event=HookEvent.BEFORE, command=command, timeout=20, **more)


def after(command: str, **more: Any) -> Hook:
    return Hook(event=HookEvent.AFTER, command=command, timeout=20, **more)


async def test_a_denied_call_runs_nothing_and_says_which_rule(play: Player) -> None:
    old = await play.files()
    rules = bound(deny=("Bash(touch:*)", "Edit(docs/**)", "Read(.env)"))
    calls: list[tuple[str, dict[str, Any], str]] = [
        ("Bash", {"command": "true && touch x"}, "Bash(touch:*)"),
        ("Write", {"file_path": "docs/new", "content": "x"}, "Edit(docs/**)"),
        ("Edit", {"file_path": "/workspace/docs/b.md", "old_string": "t", "new_string": "x"}, "Ed"),
        ("Read", {"file_path": ".env"}, "Read(.env)"),
        ("Read", {"file_path": "docs/../.env"}, "Read(.env)"),
        ("Read", {"file_path": "docs/link"}, "Read(.env)"),
        ("Grep", {"pattern": "S", "path": ".env"}, "Read(.env)"),
        ("Edit", {"file_path": ".env", "old_string": "S", "new_string": "x"}, "Read(.env)"),
    ]
    for tool, given, rule in calls:
        result, said = await play(rules, tool, **given)
        assert result.denied, (tool, given)
        assert result.is_error
        assert not result.invalid
        assert f"{DENIED} {rule}" in said
        assert "SECRET" not in said
    assert await play.files() == old


async def test_what_no_rule_denies_runs(play: Player) -> None:
    rules = bound(deny=("Bash(touch:*)", "Edit(docs/**)", "Read(.env)"))
    result, _ = await play(rules, "Bash", command="echo new > src/new && ls docs")
    assert not result.is_error
    result, said = await play(rules, "Read", file_path="src/a.py")
    assert "a = 1" in said
    assert "src/new:new" in await play.files()


async def test_a_search_shows_nothing_of_what_must_not_be_read(play: Player) -> None:
    rules = bound(deny=("Read(.env)", "Read(/secrets/)", "Read({odd})"))
    _, said = await play(rules, "Grep", pattern="SECRET", output_mode="content")
    assert said == "Nothing matches."
    _, said = await play(rules, "Grep", pattern="SECRET", glob="**/*", output_mode="content")
    assert "SECRET" not in said
    _, said = await play(rules, "Glob", pattern="**/*")
    assert "src/a.py" in said
    assert ".env" not in said.split()
    assert "secrets" not in said
    for path in ("secrets", "secrets/deep", "/workspace/secrets/deep/key"):
        result, said = await play(rules, "Grep", pattern="SECRET", path=path)
        assert result.denied or said == "Nothing matches.", said
    _, said = await play(Permissions(), "Grep", pattern="SECRET")
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    "command",
    [
        "echo x > docs/b.md",
        "rm docs/b.md",
        "mv docs elsewhere",
        "chmod +x docs/b.md",
        "mkdir -p docs/deep && touch docs/deep/x",
        "ln -sfn src docs/link",
        "rm -r docs; echo x > docs",
        "python3 -c \"open('docs/new', 'w')\"",
    ],
)
async def test_a_rule_on_edits_binds_the_shell(play: Player, command: str) -> None:
    old = await play.files()
    result, said = await play(bound(deny=("Edit(docs/**)",)), "Bash", command=f"{command}; echo me")
    assert result.denied
    assert "but the run: Edit(docs/**)" in said
    assert "undone" in said
    assert said.endswith("me")
    assert await play.files() == old


async def test_mode_accept_edits(play: Player) -> None:
    rules = bound(PermissionMode.ACCEPT_EDITS, allow=("Bash(ls:*)",))
    result, _ = await play(rules, "Write", file_path="src/new", content="x")
    assert not result.is_error
    result, said = await play(rules, "Bash", command="ls src && touch x")
    assert result.denied
    assert "nobody can be asked here" in said
    result, said = await play(rules, "Bash", command="ls src")
    assert said.split() == ["a.py", "new"]


async def test_mode_default(play: Player) -> None:
    rules = bound(PermissionMode.DEFAULT, allow=("Edit(src/**)",))
    calls: list[tuple[str, dict[str, Any], bool]] = [
        ("Read", {"file_path": ".env"}, True),
        ("Write", {"file_path": "src/new", "content": "x"}, True),
        ("Write", {"file_path": "docs/new", "content": "x"}, False),
        ("Write", {"file_path": "src/../docs/new", "content": "x"}, False),
        ("Bash", {"command": "true"}, False),
    ]
    for tool, given, fine in calls:
        result, said = await play(rules, tool, **given)
        assert result.denied is not fine, (tool, given, said)


async def test_a_hook_denies_and_what_it_did_is_undone(play: Player) -> None:
    old = await play.files()
    hook = before(
        "touch src/mark; grep -q forbidden && { echo 'not this word' >&2; exit 2; }; true"
    )
    result, said = await play(hooked(hook), "Bash", command="echo forbidden > src/x")
    assert result.denied
    assert "not this word" in said
    assert await play.files() == old
    result, _ = await play(hooked(hook), "Bash", command="echo fine > src/x")
    assert not result.is_error
    assert "src/x:fine" in await play.files()


async def test_a_hook_after_a_call_changes_files_with_it(play: Player) -> None:
    formats = after("sed -i 's/1/2/' src/a.py; echo 'was formatted' >&2; exit 2", tools=("Edit",))
    result, said = await play(
        hooked(formats), "Edit", file_path="src/a.py", old_string="a", new_string="b"
    )
    assert not result.is_error
    assert "was formatted" in said
    assert "src/a.py:b = 2" in await play.files()


async def test_no_hook_after_a_call_that_failed(play: Player) -> None:
    result, said = await play(hooked(after("echo hm >&2; exit 2")), "Bash", command="exit 3")
    assert result.is_error
    assert "hm" not in said


async def test_a_hook_allows_nothing(play: Player) -> None:
    yes = """echo '{"hookSpecificOutput": {"permissionDecision": "allow"}}'"""
    result, _ = await play(hooked(before(yes), deny=("Bash",)), "Bash", command="touch src/x")
    assert result.denied
    assert "src/x" not in await play.files()


async def test_rules_on_edits_bind_hooks(play: Player) -> None:
    permissions = hooked(
        before("echo exit 0 > guard.sh"), deny=("Edit(/docs/**)", "Edit(/guard.sh)")
    )
    result, said = await play(permissions, "Bash", command="true")
    assert not result.is_error, said  # it wrote what was there
    permissions = hooked(before("echo evil > guard.sh"), deny=("Edit(/guard.sh)",))
    result, said = await play(permissions, "Bash", command="true")
    assert result.denied
    assert "guard.sh:exit 0" in await play.files()


async def test_around_a_call_that_reads_a_hook_cannot_write(play: Player) -> None:
    old = await play.files()
    result, said = await play(
        hooked(before("touch src/x; touch docs/x; exit 0")), "Read", file_path="src/a.py"
    )
    assert not result.is_error
    assert "a = 1" in said
    result, said = await play(hooked(after("touch src/x")), "Bash", writes=False, command="true")
    assert "failed with status 1" in said
    assert await play.files() == old


async def test_a_call_that_was_stored_is_not_run_again(play: Player) -> None:
    """The result of an attempt that was thought dead stands, with what its hooks did."""
    hook = before("echo once >> src/count")
    await play(hooked(hook), "Bash", command="true")
    assert (await play.files()).count("once") == 1
