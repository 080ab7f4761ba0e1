"""The attempts of one model call: which were made, and which may have been billed in vain.

An attempt is written down before its request goes out, each in an object of its own that only one
writer can create: so no two attempts are ever reserved on the same remainder of a budget, even
where an attempt that was thought dead comes back. If it is still `sent` when another one looks,
nobody knows what became of it, so it is charged at the worst case that was reserved.
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
    CLOSED = "closed"  # no attempt, but the end of them: the call has been settled


class Attempt(Value):
    """One attempt with its reserved worst case."""

    number: int
    cost_usd: Decimal
    prompt_tokens: int
    max_tokens: int
    state: State = State.SENT

    def ended(self, state: State) -> Attempt:
        """The same attempt, once more is known of it."""
        return self.model_copy(update={"state": state})

    @property
    def tokens(self) -> int:
        """The most tokens that it can have used."""
        return self.prompt_tokens + self.max_tokens


class Attempts(Value):
    """All attempts of one call so far, in order. The first `charged` of them are in the agent's
    books already: it had ended there, and goes on."""

    attempts: tuple[Attempt, ...] = ()
    charged: int = 0

    def begin(self, reserved: Reservation) -> Attempts:
        """With one more attempt."""
        attempt = Attempt(
            number=len(self.attempts) + 1,
            cost_usd=reserved.cost_usd,
            prompt_tokens=reserved.prompt_tokens,
            max_tokens=reserved.max_tokens,
        )
        return self.model_copy(update={"attempts": (*self.attempts, attempt)})

    def close(self) -> Attempts:
        """With the mark that no further attempt is made."""
        nothing = Reservation(prompt_tokens=0, max_tokens=0, cost_usd=Decimal(0))
        *before, last = self.begin(nothing).attempts
        return self.model_copy(update={"attempts": (*before, last.ended(State.CLOSED))})

    @property
    def closed(self) -> bool:
        """Whether no further attempt may be made."""
        return any(a.state is State.CLOSED for a in self.attempts)

    def lost(self, answered: int | None = None) -> tuple[Attempt, ...]:
        """The attempts that may have been billed, but for the one that brought the answer."""
        free = (State.REFUSED, State.CLOSED)
        new = self.attempts[self.charged :]
        return tuple(a for a in new if a.state not in free and a.number != answered)

    @property
    def malformed(self) -> int:
        """How many answers made no sense."""
        return sum(a.state is State.MALFORMED for a in self.attempts)

    def left(self, allowance: Allowance) -> Allowance:
        """What is left of `allowance` for one more attempt; never negative."""
        lost = self.lost()
        cost = sum((attempt.cost_usd for attempt in lost), Decimal(0))
        return allowance.less(cost, sum(attempt.tokens for attempt in lost))
