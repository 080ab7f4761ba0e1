"""Every kind of event has a category, words, and a summary of at most 15 of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from cadre.domain.errors import CadreError
from cadre.domain.usage import Usage
from cadre.runtime.events import Cursor, Event, in_order
from cadre.runtime.events import types as e
from cadre.runtime.events.words import SUMMARY_CHARS, SUMMARY_WORDS, summary, words

CATEGORIES = {
    "agent_created",
    "agent_updated",
    "agent_status_change",
    "agent_log",
    "chat_stream",
    "typing_indicator",
    "system_log",
    "error",
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(agent_id: str = "scout", number: int = 1) -> e.Place:
    workflow = f"r/{agent_id}" if agent_id else "r"
    return e.Place(workflow=workflow, run_id="id", event_id=number, time=NOW, agent_id=agent_id)


def test_every_category_has_an_event() -> None:
    [union, *_] = get_args(Event)
    categories = {kind.model_fields["category"].default for kind in get_args(union)}
    assert categories == CATEGORIES


@pytest.mark.parametrize("said", ["word " * 100, "x" * 1000, "a\nb\tc"])
def test_a_summary_is_short(said: str) -> None:
    tool = e.ToolStarted(at=at(), turn=1, use_id="u", title=said)
    short = summary(tool)
    assert 0 < len(short.split()) <= SUMMARY_WORDS
    assert len(short) <= SUMMARY_CHARS
    assert "\n" not in short


def test_an_answer_without_text_names_its_tools() -> None:
    answered = e.ModelAnswered(
        at=at(), turn=1, outcome="tools", detail="Read: a.py", preview=" ", usage=Usage(),
        cost_usd=Decimal(0), lost_attempts=0, seconds=1,
    )  # fmt: skip
    assert words(answered) == "wants Read: a.py"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"id": "split", "approved": False, "by": "ann", "reason": "too many"},
            "split: rejected by ann: too many",
        ),
        ({"id": "call.1", "verdict": "edit", "by": "ann"}, "call.1: edit by ann"),
        ({}, "a decision: unreadable by nobody"),
    ],
)
def test_a_decision_in_words(given: dict[str, object], told: str) -> None:
    by = str(given.get("by", ""))
    assert words(e.DecisionReceived(at=at(""), by=by, given=given)) == told


def test_each_workflow_keeps_its_order_though_its_times_go_back() -> None:
    def event(agent_id: str, number: int, seconds: float) -> e.CancelRequested:
        place = at(agent_id, number)
        later = {"time": NOW + timedelta(seconds=seconds)}
        return e.CancelRequested(at=place.model_copy(update=later))

    scout = [event("scout", 1, 0), event("scout", 2, 3), event("scout", 3, 2), event("scout", 4, 5)]
    run = [event("", 1, 1), event("", 2, 4)]
    merged = [(v.at.agent_id, v.at.event_id) for v in in_order([run, scout])]
    assert merged == [("scout", 1), ("", 1), ("scout", 2), ("scout", 3), ("", 2), ("scout", 4)]


def test_a_place_as_text() -> None:
    cursor = Cursor()
    for agent_id, number in (("scout", 5), ("", 9), ("worker.1/scout.2", 7), ("scout", 6)):
        assert cursor.advance(e.CancelRequested(at=at(agent_id, number)))
    assert str(cursor) == "id:9,scout@id:6,worker.1/scout.2@id:7"
    again = Cursor.parse(str(cursor), "id")
    assert not again.advance(e.CancelRequested(at=at("scout", 6)))
    assert again.advance(e.CancelRequested(at=at("scout", 7)))
    assert again.advance(e.CancelRequested(at=at("builder.1", 1)))


def test_an_agent_that_goes_on_is_followed_from_its_first_event() -> None:
    cursor, before = Cursor(), at("scout", 60)
    after = before.model_copy(update={"run_id": "01a1fee4-d33a-788f", "event_id": 1})
    assert cursor.advance(e.CancelRequested(at=before))
    assert cursor.advance(e.CancelRequested(at=after)), "another execution, numbered anew"
    assert cursor.advance(e.CancelRequested(at=at("", 9)))
    assert str(cursor) == "id:9,scout@id:60,scout@33a-788f:1"
    again = Cursor.parse(str(cursor), "id")
    assert not again.advance(e.CancelRequested(at=before))
    assert not again.advance(e.CancelRequested(at=after))


@pytest.mark.parametrize("text", ["", "id", "id:x", "id:1,,scout:2", "id:1,scout", "other:3"])
def test_what_is_no_place_in_the_run_is_refused(text: str) -> None:
    with pytest.raises(CadreError) as refused:
        Cursor.parse(text, "id")
    assert "\n" not in refused.value.message
