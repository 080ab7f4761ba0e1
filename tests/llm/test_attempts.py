"""The books of a call's attempts."""

from __future__ import annotations

from decimal import Decimal

from cadre.domain.budget import Allowance, Reservation
from cadre.llm.attempts import Attempts, State

RESERVED = Reservation(prompt_tokens=100, max_tokens=50, cost_usd=Decimal("0.3"))
ALLOWANCE = Allowance(cost_usd=Decimal(1), tokens=1000)


def test_an_attempt_of_which_nothing_is_known_is_lost() -> None:
    attempts = Attempts().begin(RESERVED).begin(RESERVED)
    assert [a.number for a in attempts.lost()] == [1, 2]
    assert [a.number for a in attempts.lost(answered=2)] == [1]
    assert attempts.left(ALLOWANCE) == Allowance(cost_usd=Decimal("0.4"), tokens=700)


def test_a_refused_attempt_costs_nothing_and_a_malformed_answer_does() -> None:
    attempts = _ended(Attempts().begin(RESERVED), State.REFUSED)
    assert attempts.left(ALLOWANCE) == ALLOWANCE
    attempts = _ended(attempts.begin(RESERVED), State.MALFORMED)
    assert attempts.malformed == 1
    assert [a.number for a in attempts.lost()] == [2]


def test_what_is_left_is_never_negative() -> None:
    attempts = Attempts()
    for _ in range(10):
        attempts = attempts.begin(RESERVED)
    assert attempts.left(ALLOWANCE) == Allowance(cost_usd=Decimal(0), tokens=0)


def test_the_books_come_back_from_their_json() -> None:
    attempts = _ended(Attempts().begin(RESERVED), State.MALFORMED).begin(RESERVED)
    assert Attempts.model_validate_json(attempts.model_dump_json()) == attempts


def test_that_a_call_is_closed_costs_nothing() -> None:
    attempts = Attempts().begin(RESERVED)
    closed = attempts.close()
    assert (attempts.closed, closed.closed) == (False, True)
    assert [a.number for a in closed.lost()] == [1]


def _ended(attempts: Attempts, state: State) -> Attempts:
    *before, last = attempts.attempts
    return Attempts(attempts=(*before, last.ended(state)))
