"""How far an agent has come: the pure half of the agent loop."""

from __future__ import annotations

from dataclasses import dataclass, field

from cadre.domain.budget import Allowance, Bound, Limits, Spent, left
from cadre.domain.ledger import Ledger
from cadre.domain.outcomes import AgentResult
from cadre.domain.turns import ModelAnswer, OutOfBudget, ToolResult

# So many unusable answers in a row (an invalid tool input, a report that does not fit, an answer
# that was cut off) end an agent: it would only go on like that at the user's expense.
MAX_STRIKES = 3

LAST_TURN = (
    "This is your last turn: the run allows no further one. Call no tools. End now with your "
    "report, and say in it what is unfinished."
)
GOING_ON = (
    "The budget for your work had run out and has been raised. Go on where you stopped, and come "
    "to your end soon."
)
CUT_OFF = (
    "Your last answer was cut off because it was too long; a tool call that was not complete was "
    "not run. Go on in smaller steps."
)


@dataclass
class Progress:
    """The state of an agent's loop. `idle_seconds` went by without any work of its own: in an
    outage, while no worker was there, or while its sub-agents worked. These are in `helpers`.
    `said` is what its model said last, in short, and `seconds_before` how long it was active before
    it went on."""

    limits: Limits
    snapshot: str
    turns: int = 0
    spent: Spent = field(default_factory=Spent)
    helpers: Ledger = field(default_factory=Ledger)
    strikes: int = 0
    last_strike: str = ""
    idle_seconds: float = 0.0
    said: str = ""
    seconds_before: float = 0.0

    @classmethod
    def after(cls, before: AgentResult | None, limits: Limits, snapshot: str) -> Progress:
        """Where an agent stands that ended as `before` says and now goes on, or that begins."""
        if before is None:
            return cls(limits, snapshot)
        helpers = Ledger(lines=list(before.helpers))
        return cls(
            limits, snapshot, before.turns, before.spent, helpers,
            said=before.said, seconds_before=before.active_seconds,
        )  # fmt: skip

    def bound_met(self, active_seconds: float) -> Bound | None:
        """The bound that the work has met after so many seconds of activity, if any."""
        if self.turns >= self.limits.max_turns:
            return Bound.TURNS
        if self.total.tokens >= self.limits.max_tokens:
            return Bound.TOKENS
        if self.total.cost_usd >= self.limits.max_cost_usd:
            return Bound.COST
        if active_seconds >= self.limits.max_active_seconds:
            return Bound.TIME
        return None

    @property
    def allowance(self) -> Allowance:
        """What the next model call may use."""
        return left(self.limits, self.total)

    @property
    def total(self) -> Spent:
        """What it used itself, and what its sub-agents did."""
        return self.spent + self.helpers.spent

    @property
    def on_last_turn(self) -> bool:
        """Whether the next turn is the last that the limits allow (and not the only one)."""
        return self.limits.max_turns > 1 and self.turns == self.limits.max_turns - 1

    def answered(self, answer: ModelAnswer) -> None:
        """Count a turn and what it used; a call that was not made is no turn."""
        self.turns += not isinstance(answer.outcome, OutOfBudget)
        self.said = answer.preview or self.said
        self.spent += Spent(
            usage=answer.usage,
            cost_usd=answer.cost_usd,
            lost_usd=answer.lost_usd,
            lost_tokens=answer.lost_tokens,
            lost_attempts=answer.lost_attempts,
        )

    def settled(self, lost: Spent) -> None:
        """Take the cost of a turn into the books that ended without an answer."""
        self.spent += lost

    def worked(self, seconds: float, elapsed: float) -> None:
        """Note that `seconds` of work took `elapsed` seconds; calls at once add up their work."""
        self.idle_seconds += max(0.0, elapsed - seconds)

    def active_seconds(self, elapsed: float) -> float:
        """How long it has been active in all, so many seconds after it began or went on."""
        return self.seconds_before + elapsed - self.idle_seconds

    def tool_ended(self, result: ToolResult) -> None:
        """Take over what a tool left; an invalid call is a strike, any other wipes them off."""
        if result.invalid:
            self.strike(result.preview)
        else:
            self.strikes = 0

    def strike(self, reason: str) -> None:
        """Count an unusable answer."""
        self.strikes += 1
        self.last_strike = reason

    @property
    def out_of_patience(self) -> bool:
        """Whether the agent has had its chances."""
        return self.strikes >= MAX_STRIKES
