"""What a run cannot settle by itself, as questions to a person, and what their answers mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from cadre.domain.budget import Allowance, Spent
from cadre.domain.outcomes import AgentResult
from cadre.domain.render import cell, spent_line, usd
from cadre.domain.runs import RunInput

# A question says how so many agents stand.
MAX_LINES = 20
_AMOUNT = re.compile(r"\s*(-?\s*\$?\s*-?\d{1,7}(?:\.\d{1,6})?)\b")


def out_of_budget_text(
    short: Sequence[AgentResult], spent: Spent, budget: Allowance, step: Decimal
) -> str:
    """The question whether a run may use more, as Markdown, for agents that ran out of it at once;
    `step` US dollars unless they say."""
    used = f"Used so far: {spent_line(spent)}."
    first = short[0]
    if len(short) == 1:
        who, they = "it", "it"
        at_work = f"{first.agent_id} was at work ({cell(first.why)}). {used}"
        at_work += f" It said last: {cell(first.said, 600)}" if first.said else ""
    else:
        who, they = "them", "they"
        lines = "\n".join(f"- {_stands(result)}" for result in short[:MAX_LINES])
        lines += f"\n- and {len(short) - MAX_LINES} more" if len(short) > MAX_LINES else ""
        at_work = f"{len(short)} agents were at work. {used}\n\n{lines}"
    return (
        f"The run's budget of {usd(budget.cost_usd)} and {budget.tokens} tokens ran out while "
        f"{at_work}\n\n`approve` lets {who} go on where {they} stopped: the run's "
        f"budget rises by {usd(step)}, or by as many US dollars as the reason begins with, and the "
        "bound of tokens in proportion. "
        f"`reject` leaves it at that: the run goes on without {who}, or ends with what there is."
    )


def _stands(result: AgentResult) -> str:
    said = f" It said last: {cell(result.said, 60)}" if result.said else ""
    return f"{result.agent_id}: {cell(result.why, 60)}.{said}"


def raised(budget: Allowance, spec: RunInput, reason: str) -> Allowance | None:
    """A budget with as many US dollars more as a reason begins with, else once more the run's; None
    where that is not more."""
    found = _AMOUNT.match(reason)
    more = Decimal(re.sub(r"[\s$]", "", found.group(1))) if found else spec.max_cost_usd
    if more <= 0:
        return None
    tokens = int(spec.max_tokens * (more / spec.max_cost_usd))
    return Allowance(cost_usd=budget.cost_usd + more, tokens=budget.tokens + tokens)


def part_text(number: int, title: str, problem: str, branch: str, main: str) -> str:
    """The question what becomes of a part that does not fit, as Markdown."""
    return (
        f"Part {number}, {cell(title, 200)}, does not fit: {cell(problem, 1500)}\n\n`reject` "
        f"leaves it out; it stays on `{branch}`. `edit`: you merged `{main}` into `{branch}` in "
        "your repository, settled it and committed that; your commit is taken in and checked."
    )
