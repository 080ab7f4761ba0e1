"""What one run cost, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from cadre.domain.budget import Estimate, Spent
from cadre.domain.errors import CadreError
from cadre.domain.estimate import estimate_words
from cadre.domain.render import tokens, usd
from cadre.runtime.settings import Settings
from starters.bill import Bill, Charge, Sum
from starters.console import clean, say
from starters.disclose import estimated
from starters.find import events_of_run
from starters.offers import catalog, patterns
from starters.screen import console
from starters.view import RunView

GROUPS = {
    "agent": lambda charge: charge.agent,
    "phase": lambda charge: charge.phase,
    "model": lambda charge: charge.model,
}


class Cost(NamedTuple):
    """A run as it stands, its bill, and what it was estimated to cost."""

    view: RunView
    bill: Bill
    estimate: Estimate | None


async def cost_of_run(settings: Settings, run: str) -> Cost:
    """From Temporal, else from the run's record. Raises CadreError for an unknown run."""
    events = await events_of_run(settings, run)
    view = RunView.of(events)
    result = view.end.result if view.end else None
    estimate = result.estimate if result else _estimate_now(settings, view)
    return Cost(view, Bill(events), estimate)


def _estimate_now(settings: Settings, view: RunView) -> Estimate | None:
    """Until the run's own word comes with its end, what would be said if it began now."""
    try:
        offered = {pattern.name: pattern for pattern in patterns(settings)}
        request = offered[view.pattern].input.model_validate(view.input)
        return estimated(settings, request, catalog(settings))
    except (CadreError, KeyError, ValueError):  # another version's, or a repository that is gone
        return None


def print_cost(cost: Cost) -> None:
    """A summary, then a table for each way to add the calls up."""
    view, bill = cost.view, cost.bill
    total = bill.total
    say(f"run      {clean(view.run)} ({clean(view.status)})")
    limits = _limits(view)
    of_usd = f" of {usd(Decimal(limits['max_cost_usd']))}" if limits else ""
    of_tokens = f" of {tokens(int(limits['max_tokens']))}" if limits else ""
    say(f"cost     {usd(total.cost_usd)}{of_usd}, {tokens(total.tokens)}{of_tokens} tokens")
    if total.lost_attempts:
        say(
            f"lost     {usd(total.lost_usd)} for {total.lost_attempts} attempts of unknown "
            "outcome, at the most that they can have cost"
        )
    if cost.estimate:
        say(f"estimate {estimate_words(cost.estimate)}: {_compared(cost.estimate, total)}")
    for name, what in GROUPS.items():
        say()
        console().print(_table(name, bill.by(what)))
    say()
    console().print(_kinds(bill))


def _compared(estimate: Estimate, total: Spent) -> str:
    if total.cost_usd < estimate.least_usd / 2:
        return "it cost less"
    return "it cost more" if total.cost_usd > estimate.most_usd * 2 else "it is within"


def _limits(view: RunView) -> dict[str, str]:
    raised = view.end.result.raised if view.end and view.end.result else None
    if raised is not None:
        return {"max_cost_usd": str(raised.cost_usd), "max_tokens": str(raised.tokens)}
    try:
        return {name: str(view.input[name]) for name in ("max_cost_usd", "max_tokens")}
    except KeyError:  # an older version's
        return {}


def _table(name: str, sums: Mapping[str, Sum]) -> Table:
    table = _columns(name, "calls", "tokens", "cached", "lost", "cost")
    for key, of in sums.items():
        spent = of.spent
        lost = usd(spent.lost_usd) if spent.lost_usd else ""
        share = f"{spent.usage.cache_share:.0%}"
        cells = (str(of.calls), tokens(spent.tokens), share, lost, usd(spent.cost_usd))
        table.add_row(Text(clean(key)), *cells)
    return table


def _kinds(bill: Bill) -> Table:
    table = _columns("kind of token", "tokens", "cost")
    for kind, (count, amount) in bill.by_kind().items():
        table.add_row(kind, tokens(count), usd(amount))
    return table


def _columns(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True, min_width=24)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def cost_json(cost: Cost) -> dict[str, object]:
    """The same for a script; costs are strings, so that they stay exact."""
    view, bill = cost.view, cost.bill
    estimate = cost.estimate
    return {
        "run": view.run,
        "pattern": view.pattern,
        "status": view.status,
        "open": view.end is None,
        **_spent_json(bill.total),
        **_limits(view),
        "estimate": estimate.model_dump(mode="json") if estimate else None,
        **{
            f"by_{name}": {k: {"calls": s.calls, **_spent_json(s.spent)} for k, s in sums.items()}
            for name, sums in ((name, bill.by(what)) for name, what in GROUPS.items())
        },
        "by_kind": {
            kind: {"tokens": count, "cost_usd": str(amount)}
            for kind, (count, amount) in bill.by_kind().items()
        },
        "calls": [_call_json(charge) for charge in bill.charges],
    }


def _call_json(charge: Charge) -> dict[str, object]:
    return {
        "agent": charge.agent,
        "turn": charge.turn,
        "phase": charge.phase,
        "model": charge.model,
        **_spent_json(charge.spent),
    }


def _spent_json(spent: Spent) -> dict[str, object]:
    return {
        "cost_usd": str(spent.cost_usd),
        "tokens": spent.tokens,
        "usage": spent.usage.model_dump(),
        "lost_usd": str(spent.lost_usd),
        "lost_tokens": spent.lost_tokens,
        "lost_attempts": spent.lost_attempts,
    }
