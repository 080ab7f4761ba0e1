"""Tool calls that a person is asked about: the real activity, sandbox and workspace."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cadre.domain.decisions import Choice, Decided, digest
from cadre.domain.hooks import Hook
from cadre.domain.permissions import PermissionMode
from cadre.domain.turns import ToolAsks, ToolCall
from cadre.storage import keys
from tests.activities.test_permitted_tools import Player, before, bound, hooked

ASK = PermissionMode.DEFAULT


@pytest.fixture
async def player(tmp_path: Path) -> Player:
    player = Player(tmp_path)
    await player.open()
    return player


def decided(call: ToolCall, sha256: str, verdict: Choice = Choice.APPROVE) -> ToolCall:
    said = Decided(
        id="x", kind="tool", verdict=verdict, by="ann", reason="because", subject_sha256=sha256,
        at=datetime.now(UTC),
    )  # fmt: skip
    return call.model_copy(update={"decision": said})


async def asking(player: Player, call: ToolCall) -> tuple[ToolCall, ToolAsks]:
    """A call that asks, and what; it has done nothing, and nothing of it is kept."""
    call = call.model_copy(update={"may_ask": True})
    before = await player.files()
    result = await player.run(call)
    assert result.asks is not None
    assert not result.denied
    assert await player.files() == before
    assert await player.stored(keys.tool_result("r", "b", call.turn, "u")) is None
    return call, result.asks


async def test_an_approved_call_runs_with_what_was_shown(player: Player) -> None:
    command = "echo hello > made.txt"
    call, asks = await asking(player, await player.call(bound(ASK), "Bash", command=command))
    assert "mode default" in asks.why
    assert command in asks.shown
    whole = await player.stored(asks.key)
    assert whole == {"tool": "Bash", "input": {"command": command}}
    assert asks.sha256 == digest(asks.shown)
    result = await player.run(decided(call, asks.sha256))
    assert not result.is_error
    assert "hello" in await player.files()


@pytest.mark.parametrize(
    ("verdict", "right", "words"),
    [
        (Choice.REJECT, True, "Denied: rejected by ann: because. Nothing was run."),
        (Choice.APPROVE, False, "Denied: the decision was about another call. Nothing was run."),
    ],
)
async def test_a_rejected_call_and_one_of_another_decision_do_nothing(
    player: Player, verdict: Choice, right: bool, words: str
) -> None:
    wanted = await player.call(bound(ASK), "Write", file_path="new.txt", content="x")
    call, asks = await asking(player, wanted)
    before = await player.files()
    result = await player.run(decided(call, asks.sha256 if right else "0" * 64, verdict))
    assert result.denied
    assert await player.files() == before
    stored = await player.stored(keys.tool_result("r", "b", call.turn, "u"))
    assert stored["content"] == words
    assert stored["decision"]["by"] == "ann"


async def test_an_approval_lifts_rules_that_ask_and_none_that_deny(player: Player) -> None:
    rules = bound(ask=("Edit(src/**)", "Bash(sh:*)"), deny=("Edit(docs/**)",))
    edit = await player.call(rules, "Write", file_path="src/a.py", content="a = 2\n")
    call, asks = await asking(player, edit)
    assert not (await player.run(decided(call, asks.sha256))).is_error
    assert "a = 2" in await player.files()
    sly = await player.call(rules, "Bash", command="sh -c 'echo > docs/b.md; echo > src/a.py'")
    call, asks = await asking(player, sly)
    result = await player.run(decided(call, asks.sha256))
    assert result.denied
    assert "text" in await player.files()


async def test_a_long_call_is_shown_in_part_and_kept_whole(player: Player) -> None:
    content = "line\n" * 5000
    wanted = await player.call(bound(ASK), "Write", file_path="long.txt", content=content)
    _, asks = await asking(player, wanted)
    assert len(asks.shown) < 6000
    assert "`cadre approvals` shows all" in asks.shown
    assert (await player.stored(asks.key))["input"]["content"] == content


def asking_hook() -> Hook:
    """Says that a person shall be asked, and leaves a mark."""
    said = {"permissionDecision": "ask", "permissionDecisionReason": "is it time?"}
    return before(f"touch src/mark; echo '{json.dumps({'hookSpecificOutput': said})}'")


async def test_a_hook_has_a_person_asked(player: Player) -> None:
    """What the hooks did at the first time is undone; at the second they are part of the call."""
    rules = hooked(asking_hook(), before("echo once >> src/count"))
    wanted = await player.call(rules, "Write", file_path="new.txt", content="hello\n")
    call, asks = await asking(player, wanted)
    assert asks.why.endswith("asks a person (is it time?)")
    assert '"new.txt"' in asks.shown
    result = await player.run(decided(call, asks.sha256))
    assert not result.is_error
    files = await player.files()
    assert "new.txt:hello" in files
    assert files.count("once") == 1


async def test_the_attempts_before_a_person_was_asked_do_not_count(player: Player) -> None:
    wanted = await player.call(hooked(asking_hook()), "Write", file_path="new.txt", content="hi\n")
    call = wanted.model_copy(update={"may_ask": True})
    asks = (await player.run(call, attempt=5)).asks
    assert asks is not None
    assert not (await player.run(decided(call, asks.sha256))).is_error
    assert "new.txt:hi" in await player.files()


async def test_a_hook_asks_about_a_call_that_only_reads(player: Player) -> None:
    rules = hooked(before(asking_hook().command.partition("; ")[2]))
    call, asks = await asking(player, await player.call(rules, "Read", file_path="src/a.py"))
    assert not (await player.run(decided(call, asks.sha256))).is_error


async def test_what_a_person_rejects_is_not_run_though_the_hook_asks_no_more(
    player: Player,
) -> None:
    """The word of the person is about the call, whatever a hook says by then."""
    wanted = await player.call(hooked(asking_hook()), "Bash", command="touch src/made")
    call, asks = await asking(player, wanted)
    quiet = call.model_copy(update={"permissions": hooked(before("true"))})
    files = await player.files()
    assert (await player.run(decided(quiet, asks.sha256, Choice.REJECT))).denied
    assert await player.files() == files


async def test_an_approval_is_no_word_against_another_hooks(player: Player) -> None:
    wanted = await player.call(hooked(asking_hook()), "Bash", command="touch src/made")
    call, asks = await asking(player, wanted)
    against = call.model_copy(update={"permissions": hooked(asking_hook(), before("exit 2"))})
    files = await player.files()
    assert (await player.run(decided(against, asks.sha256))).denied
    assert await player.files() == files


async def test_where_nobody_may_be_asked_a_hook_that_asks_denies(player: Player) -> None:
    files = await player.files()
    result, said = await player(hooked(asking_hook()), "Bash", command="touch src/made")
    assert result.denied
    assert said.endswith("(is it time?); nobody can be asked here. Nothing was run.")
    assert await player.files() == files
