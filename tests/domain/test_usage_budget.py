from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from cadre.domain.budget import (
    MIN_OUTPUT_TOKENS,
    Allowance,
    Bound,
    Limits,
    Reservation,
    Spent,
    left,
    reserve,
)
from cadre.domain.usage import Model, Price, Rates, Usage

TOKENS = st.integers(0, 2_000_000)
USAGES = st.builds(
    Usage,
    input_tokens=TOKENS,
    output_tokens=TOKENS,
    cache_read_tokens=TOKENS,
    cache_write_5m_tokens=TOKENS,
    cache_write_1h_tokens=TOKENS,
)
PRICES_PER_TOKEN = st.decimals("0.001", 100, places=3)
RATES = st.builds(
    Rates,
    input=PRICES_PER_TOKEN,
    output=PRICES_PER_TOKEN,
    cache_read=PRICES_PER_TOKEN,
    cache_write_5m=PRICES_PER_TOKEN,
    cache_write_1h=PRICES_PER_TOKEN,
)
FACTORS = st.decimals(1, 10, places=1)


def times(rates: Rates, factor: Decimal) -> Rates:
    return Rates(**{name: value * factor for name, value in rates})


TIERED = st.builds(
    lambda rates, threshold, factor: Price(
        base=rates, threshold=threshold, above=times(rates, factor)
    ),
    RATES,
    st.integers(1, 500_000),
    FACTORS,
)
MODELS = st.builds(
    Model,
    id=st.just("m"),
    context_window=st.just(1_000_000),
    max_output_tokens=st.integers(1024, 200_000),
    price=st.one_of(st.builds(Price, base=RATES), TIERED),
)

HAIKU = Price(
    base=Rates(
        input=Decimal("0.10"),
        output=Decimal("0.50"),
        cache_read=Decimal("0.01"),
        cache_write_5m=Decimal("0.125"),
        cache_write_1h=Decimal("0.20"),
    ),
    threshold=100_000,
    above=Rates(
        input=Decimal("0.50"),
        output=Decimal("2.50"),
        cache_read=Decimal("0.05"),
        cache_write_5m=Decimal("0.625"),
        cache_write_1h=Decimal("1.00"),
    ),
)


@given(RATES, USAGES)
def test_costs_are_exact(rates: Rates, usage: Usage) -> None:
    exact = sum(
        Fraction(tokens) * Fraction(rate)
        for tokens, rate in [
            (usage.input_tokens, rates.input),
            (usage.output_tokens, rates.output),
            (usage.cache_read_tokens, rates.cache_read),
            (usage.cache_write_5m_tokens, rates.cache_write_5m),
            (usage.cache_write_1h_tokens, rates.cache_write_1h),
        ]
    )
    assert Fraction(rates.cost(usage)) == exact / 1_000_000


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(input_tokens=100_000, output_tokens=1000), "0.0105"),
        (Usage(input_tokens=100_001, output_tokens=1000), "0.0525005"),
        # The whole prompt decides, cached or not, and the whole call pays.
        (Usage(input_tokens=1, cache_read_tokens=100_000), "0.0050005"),
        (Usage(cache_write_5m_tokens=50_000, cache_write_1h_tokens=50_000), "0.01625"),
    ],
)
def test_a_long_prompt_pays_the_higher_rates_throughout(usage: Usage, cost: str) -> None:
    assert HAIKU.cost(usage) == Decimal(cost)


def test_a_tier_that_makes_long_prompts_cheaper_is_refused() -> None:
    with pytest.raises(ValidationError, match="above the threshold"):
        Price(base=HAIKU.base, threshold=1, above=times(HAIKU.base, Decimal("0.5")))


@given(USAGES, USAGES)
def test_usage_adds_up(one: Usage, other: Usage) -> None:
    both = one + other
    assert both.total_tokens == one.total_tokens + other.total_tokens
    assert both.prompt_tokens + both.output_tokens == both.total_tokens
    assert 0 <= both.cache_share <= 1


@given(
    MODELS,
    st.integers(0, 1_000_000),
    st.integers(1, 300_000),
    st.decimals(0, 100, places=6),
    st.integers(0, 3_000_000),
)
def test_a_reservation_never_exceeds_the_allowance(
    model: Model, prompt: int, wanted: int, cost: Decimal, tokens: int
) -> None:
    reserved = reserve(model, prompt, wanted, Allowance(cost_usd=cost, tokens=tokens))
    if isinstance(reserved, Bound):
        # It is named because not even the shortest useful answer fits it.
        rates = model.price.rates(prompt)
        least = prompt * rates.dearest_input + MIN_OUTPUT_TOKENS * rates.output
        too_dear = Fraction(least) / 1_000_000 > Fraction(cost)
        too_long = prompt + MIN_OUTPUT_TOKENS > tokens
        assert too_dear if reserved is Bound.COST else too_long
        return
    assert reserved.cost_usd <= cost
    assert reserved.prompt_tokens + reserved.max_tokens <= tokens
    assert 0 < reserved.max_tokens <= min(wanted, model.max_output_tokens)


@given(MODELS, USAGES, st.data())
def test_no_call_within_a_reservation_costs_more(
    model: Model, usage: Usage, data: st.DataObject
) -> None:
    assume(usage.output_tokens <= model.max_output_tokens)
    estimate = usage.prompt_tokens + data.draw(st.integers(0, 500_000))
    room = Allowance(cost_usd=Decimal(10_000_000), tokens=100_000_000)
    reserved = reserve(model, estimate, max(1, usage.output_tokens), room)
    assert isinstance(reserved, Reservation)
    assert model.price.cost(usage) <= reserved.cost_usd


@given(st.decimals("0.01", 100, places=2), st.integers(1, 10**7), USAGES, st.decimals(0, 200))
def test_what_is_left_is_never_negative(
    cost: Decimal, tokens: int, usage: Usage, spent: Decimal
) -> None:
    rest = left(Limits(max_cost_usd=cost, max_tokens=tokens), Spent(usage=usage, cost_usd=spent))
    assert rest.cost_usd == max(Decimal(0), cost - spent)
    assert rest.tokens == max(0, tokens - usage.total_tokens)
