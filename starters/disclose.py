"""What a run may use and will probably cost, told before it starts."""

from __future__ import annotations

from cadre.domain.budget import Estimate
from cadre.domain.errors import CadreError
from cadre.domain.estimate import estimate_run, estimate_words
from cadre.domain.render import tokens
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
        f"{request.max_cost_usd} USD and {tokens(request.max_tokens)} tokens; "
        f"each agent {request.max_turns} turns and {request.max_minutes:g} minutes"
    )
    try:
        estimate = estimated(settings, request, catalog)
        return [limits, f"estimate {estimate_words(estimate)}"]
    except CadreError as error:  # the worker, whose prices count, may know better
        return [limits, f"estimate unknown: {error.message}"]


def estimated(settings: Settings, request: RunInput, catalog: Catalog) -> Estimate:
    """What a run would probably cost by this machine's prices. Raises CadreError."""
    prices = load_prices(settings.prices_file)
    files = read_repository(request.repo, request.base, catalog.tools.names)
    models = {}
    for role, name in request.cast():
        named = choose(role, name, files, catalog.agents, trust_repo=request.trust_repo).model
        model = role.model if named is None or named in CALLERS_MODEL else named
        models[role.name] = resolve(model, overrides=prices)
    return estimate_run(request, models)
