"""What agents will probably cost, before anything is known of them.

An agent is taken to make `TURNS` model calls. It starts from `FIRST_TOKENS` of instructions, tools
and task; each turn adds `NEW_TOKENS` to the prompt (its own answer and the results of its tools),
which are written to the cache once and read from it in each later turn, and the model writes
`OUTPUT_TOKENS`. These are round numbers for a task of average size, not measurements of any; the
range that people are shown spans half and twice the estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from cadre.domain.agents import Agent
from cadre.domain.budget import Estimate
from cadre.domain.render import inert, usd
from cadre.domain.reports import Split
from cadre.domain.runs import RunInput
from cadre.domain.usage import Model

TURNS = 15
FIRST_TOKENS = 6_000
NEW_TOKENS = 2_000
OUTPUT_TOKENS = 600
MILLION = Decimal(1_000_000)


def estimate_model(model: Model) -> Decimal:
    """US dollars that an agent on `model` will probably cost."""
    total = Decimal(0)
    for turn in range(TURNS):
        old = FIRST_TOKENS + turn * NEW_TOKENS if turn else 0
        new = NEW_TOKENS if turn else FIRST_TOKENS
        rates = model.price.rates(old + new)
        total += old * rates.cache_read + new * rates.cache_write_5m + OUTPUT_TOKENS * rates.output
    return total / MILLION


def estimate(agent: Agent) -> Decimal:
    """US dollars that `agent` will probably cost."""
    return estimate_model(agent.model)


def estimate_run(spec: RunInput, models: Mapping[str, Model]) -> Estimate:
    """What a run will probably cost; `models` are those of its roles, by their names."""
    count = spec.headcount()
    least = most = Decimal(0)
    fewest = highest = 0
    for role, model in models.items():
        cost, (few, many) = estimate_model(model), count.get(role, (1, 1))
        fewest, highest = fewest + few, highest + many
        least, most = least + few * cost, most + many * cost
    return Estimate(
        fewest_agents=fewest,
        most_agents=min(highest, spec.max_agents),
        least_usd=least,
        most_usd=max(least, min(most, spec.max_cost_usd / 2)),
    )


def estimate_words(estimate: Estimate) -> str:
    """An estimate in words, such as `4 to 8 agents, $0.61 to $4.90`."""
    few, many = estimate.fewest_agents, estimate.most_agents
    agents = f"{few} agents" if few == many else f"{few} to {many} agents"
    return f"{agents}, {estimate_range(estimate.least_usd, estimate.most_usd)}"


def estimate_range(least: Decimal, most: Decimal) -> str:
    """A range in words: half of the least to twice the most."""
    return f"{usd(least / 2)} to {usd(most * 2)}"


def split_text(split: Split, cost: Decimal, free: Decimal) -> str:
    """What a person decides on before the parts of a task start, as Markdown. Nothing is left out,
    since they answer for all of it; it is little longer than the report that it is made of."""
    told = ((inert(part.title), inert(part.task)) for part in split.parts)
    parts = [f"{n}. **{title}** {task}" for n, (title, task) in enumerate(told, 1)]
    head = f"{len(parts)} agents would start, for probably {estimate_range(cost, cost)}"
    return f"{head} ({usd(free)} are free).\n\n{inert(split.summary)}\n\n" + "\n".join(parts)
