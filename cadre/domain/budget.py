"""Bounds of an agent's work, and the reservation that keeps a model call within them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from cadre.domain.base import Value
from cadre.domain.usage import Model, Usage

# An answer shorter than this is of no use, so a budget that cannot pay for it is spent.
MIN_OUTPUT_TOKENS = 1024
# Temporal ends a workflow with all that it has done at 51,200 events or 50 MB of history. One turn
# adds at most 64 tool calls, which is far less than the rest.
MAX_HISTORY_EVENTS = 40_000
MAX_HISTORY_BYTES = 30_000_000


class Bound(StrEnum):
    """A bound of an agent that its work can meet."""

    TURNS = "turns"
    TOKENS = "tokens"
    COST = "cost"
    TIME = "active time"
    AGENTS = "agents"
    HISTORY = "history"


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
    """What an agent, or a run, has used so far. `usage` is what answers are known to have used;
    `lost_usd`, a part of `cost_usd`, and `lost_tokens`, which are in no usage, are the reserved
    worst case of attempts whose outcome is unknown."""

    usage: Usage = Usage()
    cost_usd: Decimal = Decimal(0)
    lost_usd: Decimal = Decimal(0)
    lost_tokens: int = Field(default=0, ge=0)
    lost_attempts: int = Field(default=0, ge=0)

    @property
    def tokens(self) -> int:
        """What counts against a bound of tokens."""
        return self.usage.total_tokens + self.lost_tokens

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            usage=self.usage + other.usage,
            cost_usd=self.cost_usd + other.cost_usd,
            lost_usd=self.lost_usd + other.lost_usd,
            lost_tokens=self.lost_tokens + other.lost_tokens,
            lost_attempts=self.lost_attempts + other.lost_attempts,
        )


class Allowance(Value):
    """US dollars and tokens that may be used: by a run and all its agents, by one of them, or by
    one model call with all its attempts."""

    cost_usd: Decimal
    tokens: int

    @property
    def bound(self) -> Bound | None:
        """The bound that it leaves no room to work within, if any."""
        if self.cost_usd <= 0:
            return Bound.COST
        return Bound.TOKENS if self.tokens <= 0 else None

    def less(self, cost_usd: Decimal, tokens: int) -> Allowance:
        """What is left after so much; never negative."""
        return Allowance(
            cost_usd=max(Decimal(0), self.cost_usd - cost_usd), tokens=max(0, self.tokens - tokens)
        )


class Estimate(Value):
    """US dollars that a run will probably cost, with its fewest agents and with its most."""

    fewest_agents: int
    most_agents: int
    least_usd: Decimal
    most_usd: Decimal


class Reservation(Value):
    """The most that one attempt can use: its prompt, an answer of `max_tokens`, and their cost."""

    prompt_tokens: int
    max_tokens: int
    cost_usd: Decimal


def history_bound(events: int, size: int) -> Bound | None:
    """The bound that a history of so many events and bytes has met, if it has met one."""
    full = events >= MAX_HISTORY_EVENTS or size >= MAX_HISTORY_BYTES
    return Bound.HISTORY if full else None


def left(limits: Limits, spent: Spent) -> Allowance:
    """What `limits` leave after `spent`; never negative."""
    whole = Allowance(cost_usd=limits.max_cost_usd, tokens=limits.max_tokens)
    return whole.less(spent.cost_usd, spent.tokens)


def reserve(
    model: Model,
    prompt_tokens: int,
    wanted: int,
    allowance: Allowance,
    least: int = MIN_OUTPUT_TOKENS,
) -> Reservation | Bound:
    """Reserve the worst case of one attempt, or name the bound that does not hold it.

    `prompt_tokens` is an upper estimate of the prompt, `wanted` the answer's desired
    `max_tokens`. The answer is shortened as far as `least` to fit. The worst case prices every
    prompt token at the dearest input rate, since the cache may have expired.
    """
    rates = model.price.rates(prompt_tokens)
    prompt_cost = prompt_tokens * rates.dearest_input / 1_000_000
    affordable = int((allowance.cost_usd - prompt_cost) * 1_000_000 / rates.output)
    by_tokens = allowance.tokens - prompt_tokens
    if affordable < least:
        return Bound.COST
    if by_tokens < least:
        return Bound.TOKENS
    max_tokens = min(wanted, model.max_output_tokens, affordable, by_tokens)
    cost = prompt_cost + max_tokens * rates.output / 1_000_000
    return Reservation(prompt_tokens=prompt_tokens, max_tokens=max_tokens, cost_usd=cost)
