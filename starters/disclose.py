"""What a run may use and will probably cost, told before it starts."""

from __future__ import annotations

from decimal import Decimal

from cadre.domain.errors import CadreError
from cadre.domain.estimate import estimate_model, estimate_range
from cadre.domain.runs import RunInput
from cadre.llm.models import resolve
from cadre.llm.prices import load_prices
from cadre.runtime.settings import Settings
from cadre.tools.catalog import Catalog
from cadre.tools.definitions import choose, read_repository

# What a definition says where it leaves the model to the caller.
CALLERS_MODEL = ("inherit", "default")


def disclosed(settings: Settings, request: RunInput, catalog: Catalog) -> list[str]:
    """The limits of a run's whole tree, and the probable cost of the agents that it will have."""
    limits = (
        f"limits   {request.max_agents} agents in all, {request.at_once} at once, "
        f"{request.max_cost_usd} USD; each agent {request.max_turns} turns and "
        f"{request.max_minutes:g} minutes"
    )
    try:
        return [limits, f"estimate {_estimated(settings, request, catalog)}"]
    except CadreError as error:  # the worker, whose prices count, may know better
        return [limits, f"estimate unknown: {error.message}"]


def _estimated(settings: Settings, request: RunInput, catalog: Catalog) -> str:
    least, most = Decimal(0), Decimal(0)
    fewest = highest = 0
    prices = load_prices(settings.prices_file)
    files = read_repository(request.repo, request.base, catalog.tools.names)
    count = request.headcount()
    for role, name in request.cast():
        named = choose(role, name, files, catalog.agents, trust_repo=request.trust_repo).model
        model = role.model if named is None or named in CALLERS_MODEL else named
        cost = estimate_model(resolve(model, overrides=prices))
        few, many = count.get(role.name, (1, 1))
        fewest, highest = fewest + few, highest + many
        least, most = least + few * cost, most + many * cost
    highest = min(highest, request.max_agents)
    agents = f"{fewest} agents" if fewest == highest else f"{fewest} to {highest} agents"
    return f"{agents}, {estimate_range(least, min(most, request.max_cost_usd / 2))}"
