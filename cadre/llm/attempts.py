"""The attempts of one model call: which were made, and which may have been billed in vain.

An attempt is written down before its request goes out. If it is still `sent` when another one
looks, nobody knows what became of it, so it is charged at the worst case that was reserved.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from cadre.domain.base import Value
from cadre.domain.budget import Allowance, Reservation


class State(StrEnum):
    """What is known of an attempt."""

    SENT = "sent"  # perhaps answered, perhaps billed
    REFUSED = "refused"  # certainly not billed
    MALFORMED = "malformed"  # answered with what makes no sense; perhaps billed


class Attempt(Value):
    """One attempt with its reserved worst case."""

    number: int
    cost_usd: Decimal
    prompt_tokens: int
    max_tokens: int
    state: State = State.SENT


class Attempts(Value):
    """All attempts of one call so far, in order."""

    attempts: tuple[Attempt, ...] = ()

    def begin(self, reserved: Reservation) -> Attempts:
        """With one more attempt."""
        attempt = Attempt(
            number=len(self.attempts) + 1,
            cost_usd=reserved.cost_usd,
            prompt_tokens=reserved.prompt_tokens,
            max_tokens=reserved.max_tokens,
        )
        return Attempts(attempts=(*self.attempts, attempt))

    def end(self, number: int, state: State) -> Attempts:
        """With the attempt `number` ended in `state`."""
        return Attempts(
            attempts=tuple(
                a.model_copy(update={"state": state}) if a.number == number else a
                for a in self.attempts
            )
        )

    def lost(self, answered: int | None = None) -> tuple[Attempt, ...]:
        """The attempts that may have been billed, but for the one that brought the answer."""
        return tuple(
            a for a in self.attempts if a.state is not State.REFUSED and a.number != answered
        )

    @property
    def malformed(self) -> int:
        """How many answers made no sense."""
        return sum(a.state is State.MALFORMED for a in self.attempts)

    def left(self, allowance: Allowance) -> Allowance:
        """What is left of `allowance` for one more attempt; never negative."""
        cost = allowance.cost_usd - sum((a.cost_usd for a in self.lost()), Decimal(0))
        tokens = allowance.tokens - sum(a.prompt_tokens + a.max_tokens for a in self.lost())
        return Allowance(cost_usd=max(Decimal(0), cost), tokens=max(0, tokens))
