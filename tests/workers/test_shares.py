"""How many processes a worker has, and what each one may do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.errors import CadreError
from cadre.runtime.processors import usable_processors
from cadre.runtime.settings import Settings
from workers.shares import process_count, share_of


def limited(settings: Settings, **values: int | None) -> Settings:
    return settings.model_copy(update=values)


def test_as_many_as_set_or_else_one_for_each_processor(settings: Settings) -> None:
    assert process_count(limited(settings, processes=3)) == 3
    assert process_count(limited(settings, processes=None)) == usable_processors()


def test_each_process_needs_a_call_of_its_own(settings: Settings) -> None:
    assert process_count(limited(settings, processes=None, max_model_calls=1)) == 1
    with pytest.raises(CadreError, match=r"3 worker processes .* max_tool_calls of 2") as caught:
        process_count(limited(settings, processes=3, max_tool_calls=2))
    assert "\n" not in caught.value.message


@given(calls=st.integers(1, 300), tools=st.integers(1, 300), data=st.data())
def test_all_shares_are_the_whole_and_nearly_equal(
    calls: int, tools: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, min(calls, tools)))
    whole = Settings(max_model_calls=calls, max_tool_calls=tools)
    shares = [share_of(whole, number, count) for number in range(1, count + 1)]
    for name, total in (("max_model_calls", calls), ("max_tool_calls", tools)):
        parts = [getattr(share, name) for share in shares]
        assert sum(parts) == total
        assert 1 <= min(parts) <= max(parts) <= min(parts) + 1
    assert {share.processes for share in shares} == {count}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("100000 100000\n", 1),
        ("50000 100000\n", 1),
        ("100000000 100000\n", usable_processors()),
        ("max 100000\n", usable_processors()),
        ("nonsense\n", usable_processors()),
        (None, usable_processors()),
    ],
)
def test_a_containers_quota_counts(tmp_path: Path, content: str | None, expected: int) -> None:
    quota = tmp_path / "cpu.max"
    if content is not None:
        quota.write_text(content)
    assert usable_processors(quota) == expected
