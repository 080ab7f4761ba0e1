"""What a run cannot settle by itself, as questions to a person, and what their answers mean."""

from __future__ import annotations

import re
from decimal import Decimal

from cadre.domain.budget import Allowance, Spent
from cadre.domain.outcomes import AgentResult
from cadre.domain.render import cell, spent_line, usd
from cadre.domain.runs import RunInput

_AMOUNT = re.compile(r"\s*\$?(\d{1,7}(?:\.\d{1,6})?)\b")


def out_of_budget_text(result: AgentResult, spent: Spent, budget: Allowance, step: Decimal) -> str:
    """The question whether a run may use more, as Markdown; `step` US dollars unless they say."""
    said = f" It said last: {cell(result.said, 600)}" if result.said else ""
    return (
        f"The run's budget of {usd(budget.cost_usd)} and {budget.tokens} tokens ran out while "
        f"{result.agent_id} was at work ({cell(result.why)}). Used so far: {spent_line(spent)}."
        f"{said}\n\n`approve` lets it go on where it stopped, with {usd(step)} more, or with as "
        "many US dollars as the reason begins with; the bound of tokens rises in proportion. "
        "`reject` ends the run with what there is."
    )


def raised(budget: Allowance, spec: RunInput, reason: str) -> Allowance:
    """A budget with as many US dollars more as a reason begins with, else once more the run's."""
    found = _AMOUNT.match(reason)
    more = Decimal(found.group(1)) if found else spec.max_cost_usd
    tokens = int(spec.max_tokens * (more / spec.max_cost_usd))
    return Allowance(cost_usd=budget.cost_usd + more, tokens=budget.tokens + tokens)


def part_text(number: int, title: str, problem: str, branch: str, main: str) -> str:
    """The question what becomes of a part that does not fit, as Markdown."""
    return (
        f"Part {number}, {cell(title, 200)}, does not fit: {cell(problem, 1500)}\n\n`reject` "
        f"leaves it out; it stays on `{branch}`. `edit`: you merged `{main}` into `{branch}` in "
        "your repository, settled it and committed that; your commit is taken in and checked."
    )
