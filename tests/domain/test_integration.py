"""The order of an integration, and how small its results stay."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.integration import merge_order, overlaps

CHANGED = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.frozensets(st.sampled_from([f"f{n}" for n in range(8)])),
    max_size=8,
)


def test_what_meets_nothing_goes_first() -> None:
    changed = {
        "1": frozenset({"core.py", "a.py"}),
        "2": frozenset({"core.py", "a.py", "b.py"}),
        "3": frozenset({"docs/1.md", "docs/2.md", "docs/3.md"}),
        "4": frozenset({"b.py"}),
        "5": frozenset({"new.py"}),
        "6": frozenset({"other.py"}),
    }
    assert overlaps(changed) == {"1": 2, "2": 3, "3": 0, "4": 1, "5": 0, "6": 0}
    assert merge_order(changed) == ("5", "6", "3", "4", "1", "2")


def test_a_rename_meets_both_of_its_paths() -> None:
    moves, edits_old, adds_new = frozenset({"old", "new"}), frozenset({"old"}), frozenset({"new"})
    assert overlaps({"m": moves, "o": edits_old, "n": adds_new}) == {"m": 2, "o": 1, "n": 1}


def test_nothing_to_order() -> None:
    assert merge_order({}) == ()
    assert merge_order({"1": frozenset()}) == ("1",)


@given(CHANGED)
def test_every_branch_once_and_overlaps_never_fall(changed: dict[str, frozenset[str]]) -> None:
    order = merge_order(changed)
    assert sorted(order) == sorted(changed)
    ranks = [(overlaps(changed)[name], len(changed[name])) for name in order]
    assert ranks == sorted(ranks)
    given_order = list(changed)
    for before, after in pairwise(order):
        same = overlaps(changed)[before], len(changed[before])
        if same == (overlaps(changed)[after], len(changed[after])):
            assert given_order.index(before) < given_order.index(after)


@given(CHANGED)
def test_an_overlap_is_a_path_of_another_branch(changed: dict[str, frozenset[str]]) -> None:
    for name, paths in changed.items():
        others = frozenset().union(*(p for other, p in changed.items() if other != name))
        assert overlaps(changed)[name] == len(paths & others)
