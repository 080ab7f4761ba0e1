import hashlib
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.agent_file import KNOWN, MAX_WARNINGS, parse_agent_file
from cadre.domain.agents import TOOL_NAMES
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.permissions import PermissionMode

SOURCE = ".claude/agents/x.md"


def file(frontmatter: str, body: str = "Do it well.\n") -> str:
    return f"---\n{textwrap.dedent(frontmatter).strip()}\n---\n\n{body}"


def refusal(data: bytes | str) -> str:
    with pytest.raises(CadreError) as raised:
        parse_agent_file(data, SOURCE)
    assert raised.value.kind is ErrorKind.WRONG_INPUT
    assert "\n" not in raised.value.message
    return raised.value.message


def test_a_plain_file() -> None:
    text = file(
        """
        name: code-reviewer
        description: Reviews code.
        tools: Read, Grep, Glob, Bash
        model: sonnet
        color: green
        """
    )
    agent = parse_agent_file(text.encode(), SOURCE)
    assert (agent.name, agent.description) == ("code-reviewer", "Reviews code.")
    assert agent.tools == ("Read", "Grep", "Glob", "Bash")
    assert agent.model == "sonnet"
    assert agent.instructions == "Do it well."
    assert agent.source == SOURCE
    assert agent.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert agent.warnings == ()


def test_every_field_of_claude_code_loads() -> None:
    agent = parse_agent_file(
        file(
            """
            name: all-of-it
            description: >
              Folded
              text.
            tools: [Read, "Bash(git:*)", Agent, WebFetch]
            disallowedTools:
              - Edit
              - mcp__github__create_issue
            model: claude-opus-5-5
            effort: xhigh
            permissionMode: acceptEdits
            maxTurns: 12
            mcpServers:
              - github
              - other: {command: npx, args: [-y, thing]}
            skills: [pdf]
            hooks:
              PreToolUse:
                - matcher: Bash
                  hooks: [{type: command, command: ./check.sh}]
            memory: project
            background: true
            isolation: worktree
            color: cyan
            version: 3
            """
        ),
        SOURCE,
    )
    assert agent.description == "Folded text."
    assert agent.tools == ("Read", "Bash")
    assert agent.only == ("Read", "Bash(git:*)")
    assert agent.disallowed_tools == ("Edit",)
    assert (agent.model, agent.effort, agent.max_turns) == ("claude-opus-5-5", "xhigh", 12)
    assert agent.permission_mode is PermissionMode.ACCEPT_EDITS
    told = "\n".join(agent.warnings)
    left_out = ("Agent", "WebFetch", "mcpServers", "skills", "hooks", "memory")
    for word in (*left_out, "background", "isolation", "version"):
        assert word in told
    assert "color" not in told


SLOPPY = {
    "colons and escapes in one line": (
        r"description: Use this agent when: tests fail. Examples:\n\n<example>Context: a bug."
        r'\nuser: "Fix it"\nassistant: "I\'ll use the fixer"</example>'
    ),
    "a dialogue over several lines": (
        "description: Use it when tests fail. Examples:\n"
        "<example>\n"
        "Context: The build is red.\n"
        'user: "Fix it: now"\n'
        "assistant: I'll use the fixer agent\n"
        "<commentary>because: it failed</commentary>\n"
        "</example>"
    ),
    "quotes that do not end": 'description: "Fixer" for tests, and "more: things"',
    "a percent sign and an at": "description: @team wants 100%: always",
    "a bullet list under it": "description: Does: a lot\n- one: 1\n- two",
    "a tab": "description: Tabs:\there",
}


@pytest.mark.parametrize("description", SLOPPY.values(), ids=SLOPPY.keys())
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_sloppy_frontmatter_loads_whole(description: str, ending: str) -> None:
    text = (
        f"---\nname: test-fixer\n{description}\ntools: Read, Edit\nmodel: opus\n---\nFix tests.\n"
    )
    agent = parse_agent_file(text.replace("\n", ending).encode(), SOURCE)
    assert agent.name == "test-fixer"
    assert agent.tools == ("Read", "Edit")
    assert agent.model == "opus"
    assert agent.description == description.partition(":")[2].strip()
    assert agent.instructions == "Fix tests."


def test_a_sloppy_file_keeps_its_lists() -> None:
    agent = parse_agent_file(
        file("name: x\ndescription: a: b\ntools:\n  - Read\n  - Bash\nmodel: 'haiku'"), SOURCE
    )
    assert agent.tools == ("Read", "Bash")
    assert agent.model == "haiku"


@pytest.mark.parametrize(
    ("value", "tools"),
    [
        ("Read, Write", ("Read", "Write")),
        ("Read Write", ("Read", "Write")),
        ("[Read, Read]", ("Read",)),
        ("Bash(git add:*, git commit:*), Read", ("Bash", "Read")),
        ("mcp__server__tool, Task, TodoWrite", ("Task",)),
        ("[]", ()),
        ("'*'", None),
        ("*", None),
        ("", None),
    ],
)
def test_tools(value: str, tools: tuple[str, ...] | None) -> None:
    assert parse_agent_file(file(f"name: x\ndescription: d\ntools: {value}"), SOURCE).tools == tools


def test_no_tools_named_means_all() -> None:
    assert parse_agent_file(file("name: x\ndescription: d"), SOURCE).tools is None


@pytest.mark.parametrize("key", ["allowed_tools", "allowed-tools", "allowedTools"])
def test_other_spellings_of_tools(key: str) -> None:
    agent = parse_agent_file(file(f"name: x\ndescription: d\n{key}: Read"), SOURCE)
    assert agent.tools == ("Read",)


def test_rules() -> None:
    agent = parse_agent_file(
        file(
            "name: x\ndescription: d\ntools: Read, Bash(git add:*, git diff:*), Edit(src/**)\n"
            "disallowedTools: Bash(git add -f:*), Write, Read(.env)"
        ),
        SOURCE,
    )
    assert agent.tools == ("Read", "Bash", "Edit")
    assert agent.only == ("Read", "Bash(git add:*)", "Bash(git diff:*)", "Edit(src/**)")
    assert agent.disallowed_tools == ("Write",)
    assert agent.deny == ("Bash(git add -f:*)", "Read(.env)")
    assert agent.warnings == ()
    everything = parse_agent_file(
        file("name: x\ndescription: d\ntools: '*, Bash(x:*)'\ndisallowedTools: '*'"), SOURCE
    )
    assert everything.disallowed_tools == TOOL_NAMES
    assert everything.only == ()


@pytest.mark.parametrize(
    ("mode", "expected", "warned"),
    [
        ("default", PermissionMode.DEFAULT, False),
        ("plan", PermissionMode.PLAN, False),
        ("bypassPermissions", PermissionMode.BYPASS, False),
        ("dontAsk", PermissionMode.DEFAULT, True),
        ("auto", None, True),
    ],
)
def test_permission_modes(mode: str, expected: PermissionMode | None, warned: bool) -> None:
    agent = parse_agent_file(file(f"name: x\ndescription: d\npermissionMode: {mode}"), SOURCE)
    assert agent.permission_mode is expected
    assert bool(agent.warnings) is warned


def test_what_is_odd_but_harmless_warns() -> None:
    agent = parse_agent_file(file("name: x\neffort: extreme"), SOURCE)
    assert agent.effort is None
    assert len(agent.warnings) == 2
    assert all(warning.startswith(SOURCE) for warning in agent.warnings)


def test_warnings_are_bounded_and_printable() -> None:
    keys = "\n".join(f'"k{n}\\e[31m": 1' for n in range(100))
    agent = parse_agent_file(f"---\nname: x\ndescription: d\n{keys}\n---\nBody", SOURCE)
    assert len(agent.warnings) == MAX_WARNINGS + 1
    assert all(warning.isprintable() for warning in agent.warnings)


MALFORMED = {
    "": (1, "frontmatter"),
    "# Just Markdown": (1, "frontmatter"),
    "---\nname: x\nno end": (1, "no end"),
    "---\n---\nBody": (1, "`name`"),
    "---\ndescription: d\n---\nBody": (1, "`name`"),
    "---\ndescription: d\nname:\n---\nBody": (3, "`name`"),
    "---\nname: [a]\n---\nBody": (2, "text"),
    "---\n\nname: Code Reviewer\n---\nBody": (3, "lower-case"),
    "---\nname: ../../etc\n---\nBody": (2, "lower-case"),
    "---\nname: über\n---\nBody": (2, "lower-case"),
    f"---\nname: {'a' * 65}\n---\nBody": (2, "lower-case"),
    "---\nname: x\nname: y\n---\nBody": (3, "twice"),
    "---\nname: x\ntools: Read\nallowed_tools: Write\n---\nBody": (4, "twice"),
    "---\nname: x\ntools: {Read: true}\n---\nBody": (3, "`tools`"),
    "---\nname: x\ntools: [[Read]]\n---\nBody": (3, "`tools`"),
    "---\nname: x\ntools: Bash(git\n---\nBody": (3, "`)` is missing"),
    "---\nname: x\ntools: Read\ndisallowedTools: Edit(!src)\n---\nBody": (4, "never match"),
    "---\nname: x\nmodel: [opus]\n---\nBody": (3, "`model`"),
    "---\nname: x\npermissionMode: yolo\n---\nBody": (3, "acceptEdits"),
    "---\nname: x\nmaxTurns: 0\n---\nBody": (3, "`maxTurns`"),
    "---\nname: x\nmaxTurns: -3\n---\nBody": (3, "`maxTurns`"),
    "---\nname: x\nmaxTurns: many\n---\nBody": (3, "`maxTurns`"),
    f"---\nname: x\nmaxTurns: {'9' * 5000}\n---\nBody": (3, "`maxTurns`"),
    "---\nname: x\n---\n\n  \n": (4, "instructions"),
    "---\n- name: x\n---\nBody": (2, "key: value"),
    "---\n{{name}}\n---\nBody": (2, "a key must be text"),
    "---\nname: x\na: &a [1]\nb: *a\n---\nBody": (3, "anchors"),
    "---\nname: !!python/object:os.system x\n---\nBody": (2, "tags"),
    "---\nname: x\ndeep: " + "[" * 200 + "]" * 200 + "\n---\nBody": (3, "deep"),
    "---\nname: x\n---\nBo\0dy": (4, "NUL"),
}


@pytest.mark.parametrize(("text", "expected"), MALFORMED.items())
def test_a_malformed_file_is_refused_with_its_line(text: str, expected: tuple[int, str]) -> None:
    line, reason = expected
    message = refusal(text)
    assert message.startswith(f"{SOURCE}:{line}: "), message
    assert reason in message


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    assert refusal(b"---\nname: x\n---\nBo\xffdy").startswith(f"{SOURCE}:4: ")


def test_a_large_file_is_refused() -> None:
    assert "bytes" in refusal(file("name: x\ndescription: d", "x" * 70_000))


def test_a_byte_order_mark_is_no_harm() -> None:
    assert parse_agent_file(b"\xef\xbb\xbf---\nname: x\n---\nBody", SOURCE).name == "x"


LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.tuples(st.sampled_from(sorted(KNOWN)), st.text(max_size=40)).map(": ".join),
        st.sampled_from(["- a", "  - b", "x: |", "? ", "[", "}", "&a", "*a", "!t", "'", '"', "%"]),
    ),
    max_size=12,
)


@given(LINES, st.text(max_size=20))
def test_any_text_is_read_or_refused_in_one_line(lines: list[str], body: str) -> None:
    text = "\n".join(["---", *lines, "---", body])
    try:
        agent = parse_agent_file(text.encode("utf-8", "surrogatepass"), SOURCE)
    except CadreError as refused:
        error = refused
    else:
        assert agent.instructions
        assert set(agent.tools or ()) <= set(TOOL_NAMES)
        return
    assert error.kind is ErrorKind.WRONG_INPUT
    assert error.message.startswith(f"{SOURCE}:")
    assert error.message.isprintable()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=80))
def test_any_description_leaves_the_other_fields_alone(description: str) -> None:
    text = f"---\nname: x\ndescription: a: {description}\ntools: Read\n---\nBody"
    agent = parse_agent_file(text, SOURCE)
    assert (agent.name, agent.tools, agent.instructions) == ("x", ("Read",), "Body")
