"""Tokens, what they cost, and the models that they are spent on."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, model_validator

from cadre.domain.base import Value

TOKENS_PER_PRICE = Decimal(1_000_000)


class Usage(Value):
    """Tokens of one model call, or of many added up.

    `input_tokens` counts only what was neither read from nor written to the prompt cache, as
    the Messages API reports it; `prompt_tokens` is the whole prompt.
    """

    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_5m_tokens: int = Field(default=0, ge=0)
    cache_write_1h_tokens: int = Field(default=0, ge=0)

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, cached or not."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
        )

    @property
    def total_tokens(self) -> int:
        """Prompt and answer together."""
        return self.prompt_tokens + self.output_tokens

    @property
    def cache_share(self) -> float:
        """The part of the prompt that was read from the cache, from 0 to 1."""
        return self.cache_read_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_5m_tokens=self.cache_write_5m_tokens + other.cache_write_5m_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens + other.cache_write_1h_tokens,
        )


class Rates(Value):
    """US dollars for a million tokens of each kind."""

    input: Decimal = Field(gt=0)
    output: Decimal = Field(gt=0)
    cache_read: Decimal = Field(ge=0)
    cache_write_5m: Decimal = Field(ge=0)
    cache_write_1h: Decimal = Field(ge=0)

    def cost(self, usage: Usage) -> Decimal:
        """US dollars for `usage`, exact."""
        return (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_read_tokens * self.cache_read
            + usage.cache_write_5m_tokens * self.cache_write_5m
            + usage.cache_write_1h_tokens * self.cache_write_1h
        ) / TOKENS_PER_PRICE

    @property
    def dearest_input(self) -> Decimal:
        """The most that one prompt token can cost, whatever the cache does."""
        return max(self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h)


class Price(Value):
    """A model's price; a call whose prompt exceeds `threshold` tokens pays `above` throughout."""

    base: Rates
    threshold: int | None = Field(default=None, gt=0)
    above: Rates | None = None

    @model_validator(mode="after")
    def _above_is_dearer(self) -> Price:
        """Else the estimate of a prompt that is too high would not be the worst case."""
        if self.above is not None and any(
            high < low for (_, high), (_, low) in zip(self.above, self.base, strict=True)
        ):
            raise ValueError("rates above the threshold must not be lower than those below")
        return self

    def rates(self, prompt_tokens: int) -> Rates:
        """The rates for a call with a prompt of this many tokens."""
        if self.above is not None and self.threshold is not None and prompt_tokens > self.threshold:
            return self.above
        return self.base

    def cost(self, usage: Usage) -> Decimal:
        """US dollars for the usage of *one* call (tiers are by call, so never pass a sum)."""
        return self.rates(usage.prompt_tokens).cost(usage)


class Model(Value):
    """A model as a run froze it at its start: its name, what it can hold, what it costs."""

    id: str
    context_window: int = Field(gt=0)
    max_output_tokens: int = Field(gt=0)
    price: Price
