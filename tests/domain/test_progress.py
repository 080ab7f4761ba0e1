from decimal import Decimal

import pytest

from cadre.domain.budget import Bound, Limits, Spent
from cadre.domain.progress import MAX_STRIKES, Progress
from cadre.domain.turns import BadReport, ModelAnswer, ToolResult
from cadre.domain.usage import Usage

LIMITS = Limits(max_turns=3, max_tokens=1000, max_cost_usd=Decimal(1), max_active_seconds=60)


def answer(tokens: int = 10, cost: str = "0.01", lost: str = "0") -> ModelAnswer:
    return ModelAnswer(
        outcome=BadReport(reason="-"),
        usage=Usage(input_tokens=tokens),
        cost_usd=Decimal(cost),
        lost_usd=Decimal(lost),
        lost_attempts=1 if lost != "0" else 0,
    )


def tool(*, invalid: bool) -> ToolResult:
    return ToolResult(
        use_id="t", is_error=invalid, invalid=invalid, preview="why", snapshot="s", seconds=0
    )


@pytest.mark.parametrize(
    ("answers", "seconds", "bound"),
    [
        ([], 0, None),
        ([answer()] * 2, 59, None),
        ([answer()] * 3, 0, Bound.TURNS),
        ([answer(tokens=1000)], 0, Bound.TOKENS),
        ([answer(cost="1")], 0, Bound.COST),
        ([], 60, Bound.TIME),
    ],
)
def test_each_bound_is_met(answers: list[ModelAnswer], seconds: float, bound: Bound | None) -> None:
    progress = Progress(LIMITS, "s")
    for each in answers:
        progress.answered(each)
    assert progress.bound_met(seconds) == bound


def test_allowance_shrinks_by_what_was_spent_and_lost() -> None:
    progress = Progress(LIMITS, "s")
    progress.answered(answer(tokens=100, cost="0.4", lost="0.3"))
    assert progress.allowance.cost_usd == Decimal("0.6")
    assert progress.allowance.tokens == 900
    assert progress.spent.lost_attempts == 1


def test_the_last_turn_is_known_before_it_is_taken() -> None:
    progress = Progress(LIMITS, "s")
    seen = []
    for _ in range(3):
        seen.append(progress.on_last_turn)
        progress.answered(answer())
    assert seen == [False, False, True]


def test_three_invalid_calls_in_a_row_are_enough_but_a_valid_one_forgives() -> None:
    progress = Progress(LIMITS, "s")
    for _ in range(MAX_STRIKES - 1):
        progress.tool_ended(tool(invalid=True))
    progress.tool_ended(tool(invalid=False))
    progress.tool_ended(tool(invalid=True))
    assert not progress.out_of_patience
    progress.strike("a report that does not fit")
    progress.strike("again")
    assert progress.out_of_patience
    assert progress.last_strike == "again"


def test_a_turn_without_an_answer_costs_and_does_not_count() -> None:
    progress = Progress(LIMITS, "s")
    progress.settled(Spent(cost_usd=Decimal("0.4"), lost_usd=Decimal("0.4"), lost_attempts=2))
    assert (progress.turns, progress.spent.lost_attempts) == (0, 2)
    assert progress.allowance.cost_usd == Decimal("0.6")


def test_what_is_not_work_is_idle() -> None:
    progress = Progress(LIMITS, "s")
    progress.worked(2, elapsed=3602)
    progress.worked(9, elapsed=3)  # three at once
    assert progress.idle_seconds == 3600
