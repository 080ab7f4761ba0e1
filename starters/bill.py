"""What a run cost, call by call, from its events: no I/O, and every sum is a sum of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cadre.domain.budget import Spent
from cadre.domain.usage import TOKENS_PER_PRICE, Model, Usage
from cadre.runtime.events import types as e

OUT_OF_BUDGET = "out_of_budget"
LOST, UNKNOWN = "lost attempts", "not itemised"
# What the columns of a price are called, by the field of the usage that they price.
KINDS = {
    "input_tokens": "input",
    "cache_read_tokens": "cache read",
    "cache_write_5m_tokens": "cache write, 5 minutes",
    "cache_write_1h_tokens": "cache write, 1 hour",
    "output_tokens": "output",
}


@dataclass(frozen=True)
class Charge:
    """What one model call cost. `turn` is 0 for what an agent was charged that no answer tells of:
    its calls that failed, or all that it might have used where nobody knows. `kinds` are US dollars
    by kind of token."""

    agent: str
    phase: str
    model: str
    turn: int
    spent: Spent
    kinds: Mapping[str, Decimal]


@dataclass
class Sum:
    """Charges added up."""

    calls: int = 0
    spent: Spent = field(default_factory=Spent)

    def add(self, charge: Charge) -> None:
        """One more charge."""
        self.calls += charge.turn > 0
        self.spent += charge.spent


class Bill:
    """The charges of a run so far, in the order of its calls."""

    def __init__(self, events: Iterable[e.Event]) -> None:
        self.charges: list[Charge] = []
        self._phase = ""
        self._phases: dict[str, str] = {}
        self._models: dict[tuple[str, str], Model] = {}
        self._main: dict[str, str] = {}
        ends: dict[str, Spent] = {}
        for event in events:
            self._take(event, ends)
        for agent, spent in ends.items():
            self._charge_the_rest(agent, spent)

    def by(self, what: Callable[[Charge], str]) -> dict[str, Sum]:
        """The charges added up by agent, phase or model."""
        sums: dict[str, Sum] = {}
        for charge in self.charges:
            sums.setdefault(what(charge), Sum()).add(charge)
        return sums

    def by_kind(self) -> dict[str, tuple[int, Decimal]]:
        """Tokens and US dollars of each kind of token, and of what was lost."""
        total = self.total
        usd: dict[str, Decimal] = {}
        for charge in self.charges:
            for kind, amount in charge.kinds.items():
                usd[kind] = usd.get(kind, Decimal(0)) + amount
        tokens = {kind: getattr(total.usage, name) for name, kind in KINDS.items()}
        tokens[LOST] = total.lost_tokens
        found = {kind: (tokens.get(kind, 0), usd.get(kind, Decimal(0))) for kind in [*tokens, *usd]}
        return {kind: both for kind, both in found.items() if any(both)}

    @property
    def total(self) -> Spent:
        """All charges together."""
        return sum((charge.spent for charge in self.charges), Spent())

    def _take(self, event: e.Event, ends: dict[str, Spent]) -> None:
        agent = event.at.agent_id
        match event:
            case e.StatusChanged(status=status):
                self._phase = status
            case e.AgentStarted():
                self._phases[agent], self._main[agent] = self._phase, event.model
                self._models |= {(agent, model.id): model for model in event.models}
            case e.ModelAnswered():
                turn = 0 if event.outcome == OUT_OF_BUDGET else event.turn  # no call was made
                if turn or event.cost_usd:
                    self._charge(agent, turn, _spent(event), event.asked, self._phase)
            case e.AgentEnded(result=result) if result is not None:
                ends[agent] = result.spent
            case e.RunEnded(result=result) if result is not None:
                ends |= {line.agent_id: line.spent for line in result.agents}

    def _charge(self, agent: str, turn: int, spent: Spent, asked: str, phase: str) -> None:
        model = self._models.get((agent, asked))
        kinds = dict(_kinds(spent, model))
        name = asked or self._main.get(agent, "")
        self.charges.append(Charge(agent, phase, name, turn, spent, kinds))

    def _charge_the_rest(self, agent: str, spent: Spent) -> None:
        """What an agent's own books hold besides its answers."""
        known = sum((c.spent for c in self.charges if c.agent == agent), Spent())
        rest = _difference(spent, known)
        if rest != Spent():
            self._charge(agent, 0, rest, "", self._phases.get(agent, self._phase))


def _spent(answered: e.ModelAnswered) -> Spent:
    return Spent(
        usage=answered.usage,
        cost_usd=answered.cost_usd,
        lost_usd=answered.lost_usd,
        lost_tokens=answered.lost_tokens,
        lost_attempts=answered.lost_attempts,
    )


def _kinds(spent: Spent, model: Model | None) -> Iterator[tuple[str, Decimal]]:
    """US dollars by kind of token, as far as the model's price is known."""
    rest = spent.cost_usd - spent.lost_usd
    if spent.lost_usd:
        yield LOST, spent.lost_usd
    if model is not None:
        rates = model.price.rates(spent.usage.prompt_tokens)
        for name, kind in KINDS.items():
            rate: Decimal = getattr(rates, name.removesuffix("_tokens"))
            usd = getattr(spent.usage, name) * rate / TOKENS_PER_PRICE
            rest -= usd
            yield kind, usd
    if rest:
        yield UNKNOWN, rest


def _difference(whole: Spent, part: Spent) -> Spent:
    """`whole` without `part`, and nothing below zero: an old record may tell less of the whole."""
    usage = {name: max(0, getattr(whole.usage, name) - getattr(part.usage, name)) for name in KINDS}
    return Spent(
        usage=Usage(**usage),
        cost_usd=max(Decimal(0), whole.cost_usd - part.cost_usd),
        lost_usd=max(Decimal(0), whole.lost_usd - part.lost_usd),
        lost_tokens=max(0, whole.lost_tokens - part.lost_tokens),
        lost_attempts=max(0, whole.lost_attempts - part.lost_attempts),
    )
