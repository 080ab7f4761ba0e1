import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.agents import (
    TOOL_NAMES,
    AgentDefinition,
    Role,
    allowed_tools,
    asking,
)
from cadre.domain.permissions import PermissionMode
from cadre.domain.rules import WRITE_TOOLS

READER = Role(name="scout", report="ScoutReport")
# Sub-agents are only for who names the tool.
UNASKED = tuple(name for name in TOOL_NAMES if name != "Task")
WRITER = Role(name="builder", report="BuildReport", writes=True)


def definition(
    tools: tuple[str, ...] | None = None,
    disallowed: tuple[str, ...] = (),
    mode: PermissionMode | None = None,
) -> AgentDefinition:
    return AgentDefinition(
        name="x",
        description="",
        instructions="Do it.",
        tools=tools,
        disallowed_tools=disallowed,
        permission_mode=mode,
        source="built-in",
        sha256="0",
    )


@pytest.mark.parametrize(
    ("agent", "role", "disallowed", "tools", "notes"),
    [
        (definition(), WRITER, (), UNASKED, 0),
        (definition(("Task", "Read")), READER, (), ("Read", "Task"), 0),
        (definition(), READER, (), ("Read", "Glob", "Grep", "Bash"), 0),
        (definition(("Write", "Read")), READER, (), ("Read",), 1),
        (definition(("Bash", "Read")), WRITER, (), ("Read", "Bash"), 0),
        (definition(("Bash", "Read")), WRITER, ("Bash",), ("Read",), 1),
        (
            definition(disallowed=("Bash",)),
            WRITER,
            (),
            ("Read", "Glob", "Grep", "Write", "Edit"),
            0,
        ),
        (definition(()), WRITER, (), (), 0),
        (definition(mode=PermissionMode.PLAN), WRITER, (), ("Read", "Glob", "Grep", "Bash"), 0),
        (definition(mode=PermissionMode.DEFAULT), WRITER, (), UNASKED, 0),
        (definition(mode=PermissionMode.BYPASS), READER, ("Bash",), ("Read", "Glob", "Grep"), 0),
    ],
)
def test_allowed_tools(
    agent: AgentDefinition,
    role: Role,
    disallowed: tuple[str, ...],
    tools: tuple[str, ...],
    notes: int,
) -> None:
    allowed, told = allowed_tools(agent, role, disallowed)
    assert allowed == tools
    assert len(told) == notes


@pytest.mark.parametrize(
    ("own", "run", "tools", "words"),
    [
        (PermissionMode.DEFAULT, None, TOOL_NAMES, ("its", "Bash, Write, Edit")),
        (PermissionMode.ACCEPT_EDITS, None, TOOL_NAMES, ("its", "Bash where")),
        (None, PermissionMode.DEFAULT, ("Read", "Bash"), ("the run's", "Bash where")),
        (PermissionMode.DEFAULT, None, ("Read", "Grep"), ()),
        (None, None, TOOL_NAMES, ()),
        (PermissionMode.PLAN, PermissionMode.BYPASS, TOOL_NAMES, ()),
    ],
)
def test_who_would_ask_a_person_says_so(
    own: PermissionMode | None,
    run: PermissionMode | None,
    tools: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    note = asking(definition(mode=own), tools, run)
    assert bool(note) is bool(words)
    for word in words:
        assert word in note


SUBSETS = [
    subset
    for size in range(len(TOOL_NAMES) + 1)
    for subset in itertools.combinations(TOOL_NAMES, size)
]


@given(
    st.sampled_from([None, *SUBSETS]),
    st.sampled_from(SUBSETS),
    st.sampled_from([None, *PermissionMode]),
    st.booleans(),
    st.sampled_from(SUBSETS),
)
def test_role_and_run_only_ever_narrow(
    tools: tuple[str, ...] | None,
    denied: tuple[str, ...],
    mode: PermissionMode | None,
    writes: bool,
    disallowed: tuple[str, ...],
) -> None:
    role = Role(name="r", report="Plan", writes=writes)
    allowed, _ = allowed_tools(definition(tools, denied, mode), role, disallowed)
    assert set(allowed) <= set(TOOL_NAMES if tools is None else tools)
    assert not set(allowed) & (set(denied) | set(disallowed))
    assert writes or not set(allowed) & set(WRITE_TOOLS)
    assert list(allowed) == sorted(allowed, key=TOOL_NAMES.index)
