"""Hooks for real, in the sandbox at both levels: what they are told, what they can do, and not."""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cadre.domain.hooks import Hook, HookEvent
from cadre.domain.permissions import Permissions
from cadre.domain.rules import Request
from cadre.tools import hooks
from cadre.tools.hooks import Around, Said
from cadre.tools.registry import ToolContext, ToolOutput

BEFORE, AFTER = HookEvent.BEFORE, HookEvent.AFTER
Run = Callable[..., Awaitable[Said]]


@pytest.fixture
def run(context: ToolContext) -> Run:
    """The hooks around a Bash call."""

    async def around(event: HookEvent, *commands: str | Hook, speak: bool = True) -> Said:
        permissions = Permissions(
            hooks=tuple(
                c if isinstance(c, Hook) else Hook(event=event, command=c, timeout=20)
                for c in commands
            ),
            hooks_speak=speak,
        )
        call = Around(
            permissions, Request("Bash", "make"), "r/builder.1", "toolu_1", {"command": "make"}
        )
        if event is BEFORE:
            return await hooks.before(call, context)
        return await hooks.after(call, context, ToolOutput("made"))

    return around


async def test_what_a_hook_is_told(run: Run, workspace: Path, context: ToolContext) -> None:
    await run(BEFORE, 'cat > given.json; pwd > at; echo "$CLAUDE_PROJECT_DIR" > project')
    assert json.loads((workspace / "given.json").read_text()) == {
        "session_id": "r/builder.1",
        "transcript_path": "",
        "cwd": context.root,
        "permission_mode": "bypassPermissions",
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": "make"},
        "tool_use_id": "toolu_1",
    }
    assert (workspace / "at").read_text().strip() == context.root
    assert (workspace / "project").read_text().strip() == context.root
    await run(AFTER, "cat > given.json")
    given = json.loads((workspace / "given.json").read_text())
    assert given["tool_response"] == {"content": "made", "is_error": False}


async def test_paths_are_absolute(context: ToolContext, workspace: Path) -> None:
    permissions = Permissions(hooks=(Hook(event=BEFORE, command="cat > given.json"),))
    given = {"file_path": "src/../a", "content": "x"}
    await hooks.before(Around(permissions, Request("Write"), "s", "u", given), context)
    told = json.loads((workspace / "given.json").read_text())
    assert told["tool_input"] == {"file_path": f"{context.root}/a", "content": "x"}


async def test_a_hook_against_a_call_ends_the_row(run: Run, workspace: Path) -> None:
    said = await run(BEFORE, "echo fine", "echo 'not that' >&2; exit 2", "touch never")
    assert "not that" in said.against
    assert "exit 2" in said.against
    assert not (workspace / "never").exists()


async def test_standard_error_is_told_apart(run: Run) -> None:
    context = json.dumps({"hookSpecificOutput": {"additionalContext": "mind the gap"}})
    said = await run(BEFORE, f"echo '{context}'; echo noise >&2")
    assert said.against == ""
    [text] = said.texts
    assert "mind the gap" in text
    assert text.endswith("says: mind the gap]")


async def test_after_a_call_it_only_speaks(run: Run) -> None:
    said = await run(AFTER, "echo 'format it' >&2; exit 2", """echo '{"decision": "block"}'""")
    assert said.against == ""
    assert "format it" in said.texts[0]
    assert "says: no" in said.texts[1]


async def test_a_program_with_arguments_needs_no_shell(run: Run, workspace: Path) -> None:
    await run(BEFORE, Hook(event=BEFORE, command="touch", args=("a; touch b",)))
    assert [path.name for path in workspace.iterdir()] == ["a; touch b"]


async def test_a_hook_that_fails_is_no_answer_unless_it_says_so(run: Run) -> None:
    said = await run(BEFORE, "echo lost >&2; exit 1", "/no/such/program")
    assert said.against == ""
    assert "failed with status 1: lost" in said.texts[0]
    assert "failed with status 127" in said.texts[1]
    said = await run(BEFORE, Hook(event=BEFORE, command="exit 1", blocks_on_failure=True))
    assert "failed with status 1" in said.against


@pytest.mark.parametrize(
    "command",
    ["sleep 1000", "while :; do :; done", "trap '' TERM INT; (setsid sleep 1000 &); sleep 1000"],
)
async def test_a_slow_hook_is_against_the_call(run: Run, command: str) -> None:
    """An agent could make it slow, so that is no way past it."""
    said = await run(BEFORE, Hook(event=BEFORE, command=command, timeout=1))
    assert "took too long" in said.against
    said = await run(AFTER, Hook(event=AFTER, command=command, timeout=1))
    assert said.against == ""
    assert "took too long" in said.texts[0]


async def test_what_it_prints_is_bounded(run: Run) -> None:
    said = await run(BEFORE, "yes | head -c 3000000; yes >&2 | head -c 3000000 >&2; exit 2")
    assert "y" in said.against
    assert len(said.against) < 10_000


async def test_its_words_may_be_kept_from_an_agent(run: Run) -> None:
    words = json.dumps({"hookSpecificOutput": {"additionalContext": "APPROVE"}})
    said = await run(BEFORE, f"echo '{words}'", "echo APPROVE >&2; exit 2", speak=False)
    assert said.texts == ()
    assert said.against == "[A PreToolUse hook of the repository is against this call.]"
    said = await run(AFTER, "echo APPROVE >&2; exit 2", speak=False)
    assert said.texts == ("[A PostToolUse hook of the repository is against this call.]",)


ASKS = json.dumps(
    {"hookSpecificOutput": {"permissionDecision": "ask", "permissionDecisionReason": "sure?"}}
)


async def test_one_that_asks_does_not_end_the_row(run: Run, workspace: Path) -> None:
    said = await run(BEFORE, f"echo '{ASKS}'", "touch next")
    assert said.asks.startswith("the repository's hook `echo ")
    assert said.asks.endswith("asks a person (sure?)")
    assert (said.against, (workspace / "next").exists()) == ("", True)
    said = await run(BEFORE, f"echo '{ASKS}'", "echo no >&2; exit 2")
    assert "says: no" in said.against
    said = await run(AFTER, f"echo '{ASKS}'")
    assert said == Said(), "the call was made"


async def test_what_one_asks_may_be_kept_from_an_agent(run: Run) -> None:
    said = await run(BEFORE, f"echo '{ASKS}'", speak=False)
    assert said.asks == "a hook of the repository asks a person"


async def test_it_reaches_nothing_outside(run: Run, tmp_path: Path, workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        await run(
            BEFORE,
            f"(echo > /dev/tcp/127.0.0.1/{port}) && touch reached",
            f"touch {tmp_path}/outside",
            "cat /etc/shadow > stolen; env > environment",
        )
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not (workspace / "reached").exists()
    assert not (tmp_path / "outside").exists()
    assert (workspace / "stolen").read_text() == ""
    assert "PYTEST" not in (workspace / "environment").read_text()


async def test_around_a_call_that_reads_it_cannot_write(
    context: ToolContext, workspace: Path
) -> None:
    reading = ToolContext(sandbox=context.sandbox, workspace=workspace, writable=False)
    permissions = Permissions(hooks=(Hook(event=BEFORE, command="touch x || exit 2"),))
    said = await hooks.before(Around(permissions, Request("Read"), "s", "u", {}), reading)
    assert "says:" in said.against
    assert list(workspace.iterdir()) == []
