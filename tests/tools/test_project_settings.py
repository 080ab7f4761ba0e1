"""A repository's settings: what counts, what is left out and said, what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.hooks import MAX_HOOKS, MAX_TIMEOUT_SECONDS, Hook, HookEvent
from cadre.domain.permissions import PermissionMode
from cadre.tools.project_settings import ProjectSettings, parse_settings


def parsed(**given: object) -> ProjectSettings:
    return parse_settings(json.dumps(given).encode())


def hooked(*handlers: object, event: str = "PreToolUse", **group: object) -> ProjectSettings:
    return parsed(hooks={event: [{"hooks": list(handlers), **group}]})


def command(text: str = "x", **more: object) -> dict[str, object]:
    return {"type": "command", "command": text, **more}


def test_permissions() -> None:
    settings = parsed(
        permissions={
            "allow": ["Bash(make:*)", "Bash(broken", 7, "WebFetch(domain:example.com)"],
            "ask": ["Bash(git push:*)", "Bash(git push:*)"],
            "deny": ["Read(.env)", "mcp__github", "WebFetch"],
            "defaultMode": "dontAsk",
            "additionalDirectories": [],
        }
    )
    layer = settings.layer
    assert layer.allow == ("Bash(make:*)",)
    assert layer.ask == ("Bash(git push:*)",)
    assert layer.deny == ("Read(.env)",)
    assert layer.mode is PermissionMode.DEFAULT
    told = "\n".join(settings.notes)
    assert "permissions.allow: what is malformed is left out" in told
    assert "permissions.additionalDirectories" in told


def test_the_rest_is_left_out_with_one_note() -> None:
    more = {f"k{n}\x1b": 1 for n in range(50)}
    settings = parsed(env={"A": "1"}, apiKeyHelper="x", **{"$schema": "x"}, **more)
    [note] = settings.notes
    assert "env, apiKeyHelper" in note
    assert "schema" not in note
    assert note.isprintable()
    assert len(note) < 300


def test_hooks() -> None:
    settings = parsed(
        hooks={
            "PreToolUse": [
                {"matcher": "Edit|Write", "hooks": [command("a", timeout=5), command("b")]},
            ],
            "PostToolUse": [
                {"hooks": [command("c", args=["d"], onFailure="block", timeout=10**400)]},
                {"hooks": [command("e", **{"if": "Bash(rm:*)"}, statusMessage="!")]},
            ],
            "Stop": [{"hooks": [command("never")]}],
        }
    )
    before, after = HookEvent.BEFORE, HookEvent.AFTER
    assert settings.hooks == (
        Hook(event=before, tools=("Edit", "Write"), command="a", timeout=5),
        Hook(event=before, tools=("Edit", "Write"), command="b"),
        Hook(
            event=after,
            command="c",
            args=("d",),
            blocks_on_failure=True,
            timeout=MAX_TIMEOUT_SECONDS,
        ),
        Hook(event=after, command="e", condition="Bash(rm:*)"),
    )
    [note] = settings.notes
    assert "hooks.Stop" in note
    guarded = settings.for_run(hooks=True)
    assert guarded.layer.deny == ("Edit(/.claude/**)",)
    assert settings.for_run(hooks=False).hooks == ()
    assert settings.for_run(hooks=False).layer == settings.layer


def refusal(data: bytes) -> str:
    with pytest.raises(CadreError) as raised:
        parse_settings(data).for_run(hooks=True)
    assert raised.value.kind is ErrorKind.WRONG_INPUT
    assert raised.value.message.isprintable()
    return raised.value.message


REFUSED = [
    (b"", "not JSON (line 1)"),
    (b'{\n"a": }', "not JSON (line 2)"),
    (b"\xff", "not JSON"),
    (b'{"a": NaN}', "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"[]", "not a JSON object"),
    (b'{"permissions": []}', "must be an object"),
    (b'{"permissions": {"deny": "Bash"}}', "permissions.deny must be a list"),
    (b'{"permissions": {"deny": [["Bash"]]}}', "it is no text"),
    (b'{"permissions": {"ask": ["Bash(rm"]}}', "permissions.ask: Bash(rm: it is no rule"),
    (b'{"permissions": {"defaultMode": "yolo"}}', '"yolo" is no mode'),
    (b'{"permissions": {"defaultMode": {}}}', "{} is no mode"),
    (json.dumps({"permissions": {"deny": ["Bash"] * 64}}).encode(), "fewer than 64"),
]


@pytest.mark.parametrize(("data", "reason"), REFUSED)
def test_what_would_narrow_must_be_understood(data: bytes, reason: str) -> None:
    assert reason in refusal(data)


BAD_HOOKS: list[tuple[object, str]] = [
    (1, "`hooks` must be an object"),
    ({"PreToolUse": {}}, "must be a list"),
    ({"PreToolUse": [1]}, "an object with `hooks`"),
    ({"PreToolUse": [{"hooks": [{"type": "http", "url": "x"}]}]}, "type command"),
    ({"PreToolUse": [{"hooks": ["x"]}]}, "type command"),
    ({"PreToolUse": [{"hooks": [{"type": "command"}]}]}, "command"),
    ({"PreToolUse": [{"matcher": "(a+)+", "hooks": [command()]}]}, "no list of tools"),
    ({"PreToolUse": [{"matcher": 7, "hooks": [command()]}]}, "no list of tools"),
    ({"PreToolUse": [{"hooks": [command(timeout="soon")]}]}, "timeout"),
    ({"PreToolUse": [{"hooks": [command(timeout=True)]}]}, "timeout"),
    ({"PreToolUse": [{"hooks": [command(**{"if": "Bash("})]}]}, "`if` is no rule"),
    ({"PreToolUse": [{"hooks": [command("x" * 1001)]}]}, "command"),
    ({"PreToolUse": [{"hooks": [command()] * (MAX_HOOKS + 1)}]}, "more than"),
]


@pytest.mark.parametrize(("hooks", "reason"), BAD_HOOKS)
def test_hooks_that_cannot_be_run_as_they_are_meant(hooks: object, reason: str) -> None:
    data = json.dumps({"hooks": hooks}).encode()
    message = refusal(data)
    assert reason in message
    assert message.endswith("(--no-hooks runs without the repository's hooks)")
    assert parse_settings(data).for_run(hooks=False).hooks == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["permissions", "deny", "ask", "allow", "defaultMode", "hooks", "PreToolUse",
             "matcher", "type", "command", "timeout", "args", "if", "x"]
        ) | st.text(max_size=3),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_any_settings_are_read_or_refused_in_one_line(value: object) -> None:
    data = json.dumps(value).encode()
    try:
        settings = parse_settings(data).for_run(hooks=True)
    except CadreError as error:
        refused = error
    else:
        assert all("\n" not in note for note in settings.notes)
        return
    assert refused.kind is ErrorKind.WRONG_INPUT
    assert "\n" not in refused.message
