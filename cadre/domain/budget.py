"""Bounds of an agent's work, and the reservation that keeps a model call within them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from cadre.domain.base import Value
from cadre.domain.usage import Model, Usage

# An answer shorter than this is of no use, so a budget that cannot pay for it is spent.
MIN_OUTPUT_TOKENS = 1024


class Bound(StrEnum):
    """A bound of an agent that its work can meet."""

    TURNS = "turns"
    TOKENS = "tokens"
    COST = "cost"
    TIME = "active time"
    AGENTS = "agents"


class Limits(Value):
    """What one agent may use. Tokens count prompt and answer of every call.

    `max_agents` are the sub-agents that it may have in all, those of its sub-agents included, on
    `max_depth` levels below it. What they use counts as its own.
    """

    max_turns: int = Field(default=60, ge=1, le=1000)
    max_tokens: int = Field(default=10_000_000, ge=1)
    max_cost_usd: Decimal = Field(default=Decimal(10), gt=0)
    max_active_seconds: float = Field(default=3600, gt=0)
    max_agents: int = Field(default=0, ge=0)
    max_depth: int = Field(default=0, ge=0)


class Spent(Value):
    """What an agent, or a run, has used so far. `lost_usd` is part of `cost_usd`: attempts whose
    outcome is unknown, charged at their reserved worst case."""

    usage: Usage = Usage()
    cost_usd: Decimal = Decimal(0)
    lost_usd: Decimal = Decimal(0)
    lost_attempts: int = Field(default=0, ge=0)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            usage=self.usage + other.usage,
            cost_usd=self.cost_usd + other.cost_usd,
            lost_usd=self.lost_usd + other.lost_usd,
            lost_attempts=self.lost_attempts + other.lost_attempts,
        )


class Allowance(Value):
    """What is left for one model call, all its attempts together."""

    cost_usd: Decimal
    tokens: int


class Reservation(Value):
    """The most that one attempt can use: its prompt, an answer of `max_tokens`, and their cost."""

    prompt_tokens: int
    max_tokens: int
    cost_usd: Decimal


def left(limits: Limits, spent: Spent) -> Allowance:
    """What `limits` leave after `spent`; never negative."""
    return Allowance(
        cost_usd=max(Decimal(0), limits.max_cost_usd - spent.cost_usd),
        tokens=max(0, limits.max_tokens - spent.usage.total_tokens),
    )


def reserve(
    model: Model, prompt_tokens: int, wanted: int, allowance: Allowance
) -> Reservation | Bound:
    """Reserve the worst case of one attempt, or name the bound that does not hold it.

    `prompt_tokens` is an upper estimate of the prompt, `wanted` the answer's desired
    `max_tokens`. The answer is shortened as far as `MIN_OUTPUT_TOKENS` to fit. The worst case
    prices every prompt token at the dearest input rate, since the cache may have expired.
    """
    rates = model.price.rates(prompt_tokens)
    prompt_cost = prompt_tokens * rates.dearest_input / 1_000_000
    affordable = int((allowance.cost_usd - prompt_cost) * 1_000_000 / rates.output)
    by_tokens = allowance.tokens - prompt_tokens
    if affordable < MIN_OUTPUT_TOKENS:
        return Bound.COST
    if by_tokens < MIN_OUTPUT_TOKENS:
        return Bound.TOKENS
    max_tokens = min(wanted, model.max_output_tokens, affordable, by_tokens)
    cost = prompt_cost + max_tokens * rates.output / 1_000_000
    return Reservation(prompt_tokens=prompt_tokens, max_tokens=max_tokens, cost_usd=cost)
