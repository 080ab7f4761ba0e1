"""Shares of a budget: sub-agents asked for at once get equal ones, and the asker keeps one."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.budget import Allowance
from cadre.domain.ledger import SHARE_STEP, Shares

FREE = st.builds(
    Allowance,
    cost_usd=st.decimals(0, 1000, places=9),
    tokens=st.integers(0, 10**9),
)


def less(free: Allowance, share: Allowance) -> Allowance:
    return free.less(share.cost_usd, share.tokens)


@given(free=FREE, calls=st.integers(1, 50))
def test_calls_at_once_get_the_same_and_the_asker_keeps_as_much(
    free: Allowance, calls: int
) -> None:
    shares, rest, given_away = Shares(calls + 1), free, []
    for _ in range(calls):
        given_away.append(shares.next(rest))
        rest = less(rest, given_away[-1])
    kept = rest
    usd = [share.cost_usd for share in given_away]
    tokens = [share.tokens for share in given_away]
    assert max(tokens) - min(tokens) <= 1
    assert max(usd) - min(usd) <= calls * SHARE_STEP, "what is rounded off goes to later ones"
    assert kept.tokens >= min(tokens)
    assert kept.cost_usd >= min(usd)
    assert sum(tokens) + kept.tokens == free.tokens
    assert sum(usd, Decimal(0)) + kept.cost_usd == free.cost_usd


@given(free=FREE, calls=st.integers(2, 20), data=st.data())
def test_what_one_leaves_is_shared_by_those_that_come_later(
    free: Allowance, calls: int, data: st.DataObject
) -> None:
    """One after the other, each with any part of its share used; some need nothing."""
    shares, rest, least = Shares(calls + 1), free, free.tokens // (calls + 1)
    for _ in range(calls):
        if data.draw(st.booleans()):
            shares.waive()
            continue
        share = shares.next(rest)
        assert share.tokens >= least, "never less than an equal share of the whole"
        used = data.draw(st.integers(0, share.tokens))
        rest = less(rest, Allowance(cost_usd=Decimal(0), tokens=used))
    assert rest.tokens >= least, "nor does the asker keep less"
