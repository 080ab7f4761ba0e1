"""Layers and modes: what a call meets, and that a further layer only ever narrows."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.agents import TOOL_NAMES
from cadre.domain.permissions import Layer, Outcome, PermissionMode, Permissions
from cadre.domain.rules import Request

ALLOW, ASK, DENY = Outcome.ALLOW, Outcome.ASK, Outcome.DENY
READ, EDIT, WRITE = (Request(tool, paths=("src/a.py",)) for tool in ("Read", "Edit", "Write"))
BASH, TASK = Request("Bash", "make test"), Request("Task", agent="scout")
MODES = (None, *PermissionMode)

EXPECTED = {
    None: (ALLOW, ALLOW, ALLOW, ALLOW),
    PermissionMode.BYPASS: (ALLOW, ALLOW, ALLOW, ALLOW),
    PermissionMode.ACCEPT_EDITS: (ALLOW, ALLOW, ASK, ALLOW),
    PermissionMode.DEFAULT: (ALLOW, ASK, ASK, ALLOW),
    PermissionMode.PLAN: (ALLOW, DENY, ALLOW, ALLOW),
}


def layer(mode: PermissionMode | None = None, **rules: tuple[str, ...]) -> Layer:
    return Layer(source="it", mode=mode, **rules)


@pytest.mark.parametrize("mode", MODES)
def test_modes(mode: PermissionMode | None) -> None:
    found = tuple(layer(mode).decide(call).outcome for call in (READ, EDIT, BASH, TASK))
    assert found == EXPECTED[mode]
    assert layer(mode).decide(WRITE).outcome is EXPECTED[mode][1]


@pytest.mark.parametrize("mode", MODES)
def test_deny_wins_over_ask_wins_over_allow(mode: PermissionMode | None) -> None:
    rules = ("Bash(make:*)",)
    everything = layer(mode, allow=rules, ask=rules, deny=rules)
    assert everything.decide(BASH).outcome is DENY
    assert "it denies Bash(make:*)" in everything.decide(BASH).why
    assert layer(mode, allow=("Bash",), ask=rules).decide(BASH).outcome is ASK
    assert layer(mode, allow=rules).decide(BASH).outcome is ALLOW


def test_rules_do_not_lift_plan() -> None:
    assert layer(PermissionMode.PLAN, allow=("Edit",)).decide(EDIT).outcome is DENY


def test_only() -> None:
    only = layer(only=("Read", "Bash(make:*)", "Edit(src/**)"))
    assert [only.decide(c).outcome for c in (READ, EDIT, BASH)] == [ALLOW] * 3
    for call in (Request("Bash", "rm x"), Request("Edit", paths=("x",)), TASK):
        assert only.decide(call).outcome is DENY


def test_the_strictest_layer_counts() -> None:
    asks, denies = layer(PermissionMode.DEFAULT), layer(deny=("Bash(make:*)",))
    for layers in itertools.permutations((asks, denies, layer(allow=("Bash",)))):
        assert Permissions(layers=layers).decide(BASH).outcome is DENY
    widening = layer(PermissionMode.BYPASS, allow=("Bash", "Edit"))
    assert Permissions(layers=(asks, widening)).decide(BASH).outcome is ASK
    assert Permissions().decide(BASH).outcome is ALLOW


RULES = st.lists(
    st.sampled_from(["Bash", "Bash(make:*)", "Edit(src/**)", "Read(.env)", "Write", "*", "Grep"]),
    max_size=3,
).map(tuple)
LAYERS = st.builds(
    Layer,
    source=st.just("it"),
    mode=st.sampled_from(MODES),
    allow=RULES,
    ask=RULES,
    deny=RULES,
    only=RULES,
)
CALLS = st.one_of(
    st.sampled_from(["make test", "rm x", "make && rm x", "make $(rm x)"]).map(
        lambda command: Request("Bash", command)
    ),
    st.tuples(st.sampled_from(TOOL_NAMES), st.sampled_from(["src/a", ".env", ".", "..", "x"])).map(
        lambda both: Request(both[0], paths=(both[1],))
    ),
)


@given(st.lists(LAYERS, max_size=3), LAYERS, CALLS)
def test_a_layer_only_narrows(layers: list[Layer], more: Layer, call: Request) -> None:
    before = Permissions(layers=tuple(layers))
    after = Permissions(layers=(*layers, more))
    assert after.decide(call).outcome.value >= before.decide(call).outcome.value
    for path in call.paths:
        assert after.forbids_change(path) is not None or before.forbids_change(path) is None
    inner = Permissions(layers=(more,)).within(before)
    assert inner.decide(call).outcome is after.decide(call).outcome


@given(LAYERS, CALLS, st.sampled_from(["allow", "ask", "deny"]), RULES)
def test_what_kinds_of_rules_do(
    bare: Layer, call: Request, kind: str, rules: tuple[str, ...]
) -> None:
    more = bare.model_copy(update={kind: (*getattr(bare, kind), *rules)})
    before, after = bare.decide(call).outcome.value, more.decide(call).outcome.value
    assert after <= before if kind == "allow" else after >= before


@given(LAYERS, CALLS)
def test_modes_by_strictness(rest: Layer, call: Request) -> None:
    """Each chain from lenient to strict; default and plan are not to be compared."""
    strictness = {
        mode: rest.model_copy(update={"mode": mode}).decide(call).outcome.value for mode in MODES
    }
    assert strictness[None] == strictness[PermissionMode.BYPASS]
    assert strictness[None] <= strictness[PermissionMode.ACCEPT_EDITS]
    assert strictness[PermissionMode.ACCEPT_EDITS] <= strictness[PermissionMode.DEFAULT]
    assert strictness[None] <= strictness[PermissionMode.PLAN]


CHANGES = [
    (layer(deny=("Edit(docs/**)",)), "docs/a", True),
    (layer(deny=("Edit(docs/**)",)), "src/a", False),
    (layer(deny=("Write(docs/**)",)), "docs/a", True),
    (layer(ask=("Edit(docs/**)",)), "docs/a", True),
    (layer(deny=("Edit",)), "x", True),
    (layer(deny=("Read(.env)",)), ".env", False),
    (layer(deny=("Bash(rm:*)",)), "x", False),
    (layer(only=("Bash", "Edit(src/**)")), "docs/a", True),
    (layer(only=("Bash", "Edit(src/**)")), "src/a", False),
    (layer(only=("Bash(make:*)", "Read")), "x", False),  # it names no place
    (layer(PermissionMode.DEFAULT), "x", False),
]


@pytest.mark.parametrize(("bound", "path", "forbidden"), CHANGES)
def test_changes_of_files_by_any_means(bound: Layer, path: str, forbidden: bool) -> None:
    permissions = Permissions(layers=(bound,))
    assert (permissions.forbids_change(path) is not None) is forbidden
    assert permissions.guards_files or not forbidden


def test_what_a_whole_tool_and_a_search_lose() -> None:
    permissions = Permissions(
        layers=(layer(deny=("Bash", "Edit(x)", "Read(.env)")), layer(deny=("Grep",)))
    )
    assert permissions.removed_tools(TOOL_NAMES) == ("Grep", "Bash")
    assert permissions.unreadable == (".env",)


def test_no_hook_speaks_to_somebody_by_way_of_a_sub_agent() -> None:
    locked, helper = Permissions(hooks_speak=False), Permissions()
    assert not helper.within(locked).hooks_speak
    assert not locked.within(helper).hooks_speak
    assert helper.within(helper).hooks_speak
