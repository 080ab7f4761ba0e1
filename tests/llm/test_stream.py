"""The accumulator: nothing is run, stored or reported from an answer that is not whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.usage import Usage
from cadre.llm.answer import Answer, BrokenAnswer, MalformedAnswer
from cadre.llm.stream import TAIL_CHARS, Accumulator
from tests.llm.service import Event, message, say, think, use

inputs = st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.integers(), max_size=4)
pieces = st.integers(min_value=1, max_value=9)


def read(events: list[Event]) -> Answer:
    accumulator = Accumulator()
    for event in events:
        accumulator.feed(json.dumps(event))
    return accumulator.finish()


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    uses = draw(st.lists(inputs, min_size=1, max_size=3))
    blocks = [think(draw(st.text(max_size=20))), say(draw(st.text(max_size=30)), draw(pieces))]
    blocks += [use("Read", given, f"toolu_{n}", draw(pieces)) for n, given in enumerate(uses)]
    return message(*blocks, stop_reason="tool_use")


@given(answers(), st.data())
def test_no_prefix_of_an_answer_is_an_answer(events: list[Event], data: st.DataObject) -> None:
    read(events)
    cut = data.draw(st.integers(min_value=0, max_value=len(events) - 1))
    with pytest.raises(MalformedAnswer):
        read(events[:cut])


@given(answers(), st.data())
def test_an_answer_with_a_hole_is_none(events: list[Event], data: st.DataObject) -> None:
    """Any event but a delta or a ping is missed where it is lost."""
    told = [i for i, e in enumerate(events) if e["type"] not in {"content_block_delta", "ping"}]
    lost = data.draw(st.sampled_from(told))
    with pytest.raises(MalformedAnswer):
        read([*events[:lost], *events[lost + 1 :]])


@given(st.lists(inputs, min_size=1, max_size=4), pieces)
def test_tool_inputs_arrive_as_they_were_sent(given: list[dict[str, Any]], n: int) -> None:
    blocks = [use("Edit", value, f"toolu_{i}", n) for i, value in enumerate(given)]
    answer = read(message(*blocks, stop_reason="tool_use"))
    assert [block["input"] for block in answer.content] == given
    assert answer.invalid_inputs == {}


@pytest.mark.parametrize(
    "raw",
    [
        '{"a": 1',
        "[1]",
        '"text"',
        " ",
        "null",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud83d"}',
        "[" * 100_000,
    ],
)
def test_an_input_that_is_no_object_is_told_apart(raw: str) -> None:
    answer = read(message(use("Bash", raw), stop_reason="tool_use"))
    assert answer.content[0]["input"] == {}
    assert answer.invalid_inputs == {"toolu_1": raw}


def test_no_input_at_all_is_an_empty_one() -> None:
    answer = read(message(use("Bash", ""), stop_reason="tool_use"))
    assert answer.content[0]["input"] == {}
    assert answer.invalid_inputs == {}


def test_thinking_text_and_unknown_blocks_come_as_received() -> None:
    unknown: list[Event] = [
        {"type": "content_block_start", "content_block": {"type": "new_kind", "data": [1]}},
        {"type": "content_block_stop"},
    ]
    answer = read(message(think("hm, well"), say("So be it."), unknown))
    assert answer.content == [
        {"type": "thinking", "thinking": "hm, well", "signature": "sig"},
        {"type": "text", "text": "So be it."},
        {"type": "new_kind", "data": [1]},
    ]


def test_a_character_cut_in_two_is_whole_again_and_half_a_one_replaced() -> None:
    answer = read(message(say("\ud83d\ude00!", pieces=3), say("a\ud83d")))
    assert [block["text"] for block in answer.content] == ["😀!", "a�"]


def test_usage_tells_the_cache_apart() -> None:
    assert read(message(say("x"))).usage == Usage(
        input_tokens=10, output_tokens=50, cache_read_tokens=1000, cache_write_5m_tokens=200
    )


@pytest.mark.parametrize("usage", [{}, {"input_tokens": 1}, {"output_tokens": "many"}])
def test_an_answer_without_usage_is_not_free(usage: dict[str, Any]) -> None:
    events = message(say("x"))
    events[0]["message"] = {**events[0]["message"], "usage": usage}
    del events[-2]["usage"]
    with pytest.raises(MalformedAnswer):
        read(events)


def test_an_error_in_the_stream_breaks_the_answer() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(BrokenAnswer) as raised:
        read([*message(say("x"))[:3], error])
    assert raised.value.error_type == "overloaded_error"


@pytest.mark.parametrize("bad", [{"id": "../x"}, {"id": ""}, {"name": "a b"}, {"name": 3}])
def test_a_tool_use_that_could_not_be_answered_is_malformed(bad: dict[str, Any]) -> None:
    block = use("Read", {})
    block[0]["content_block"].update(bad)
    with pytest.raises(MalformedAnswer):
        read(message(block, stop_reason="tool_use"))


def test_two_tool_uses_cannot_share_an_id() -> None:
    with pytest.raises(MalformedAnswer):
        read(message(use("Read", {}), use("Read", {}), stop_reason="tool_use"))


@pytest.mark.parametrize("reason", [None, "because", 7])
def test_a_stop_reason_must_be_known(reason: Any) -> None:
    with pytest.raises(MalformedAnswer):
        read(message(say("x"), stop_reason=reason))


@pytest.mark.parametrize("data", ["", "{", "[]", "<html>", "[" * 100_000])
def test_garbage_is_malformed(data: str) -> None:
    with pytest.raises(MalformedAnswer):
        Accumulator().feed(data)


def test_the_tail_is_bounded() -> None:
    accumulator = Accumulator()
    for event in message(say("x" * 10_000, pieces=50)):
        accumulator.feed(json.dumps(event))
    assert accumulator.tail == "x" * TAIL_CHARS
    assert accumulator.output_chars == 10_000
