"""Activity `run.prepare`: freeze what a run uses before anything else happens.

Definitions, models and prices are settled here once and travel with the run; what the
repository or the price table becomes later does not change it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from temporalio import activity

from activities.chooser import Chooser
from activities.errors import cadre_errors
from activities.heartbeat import beating
from activities.helpers import Helper, choose_helpers, with_helpers
from cadre.domain.agents import TASK, Agent, AgentDefinition
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.frontmatter import shown
from cadre.domain.runs import PreparedRun, PrepareRun
from cadre.domain.turns import ContextItem
from cadre.domain.usage import Model
from cadre.llm.prices import PRICES
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.catalog import Catalog
from cadre.tools.definitions import RepositoryFiles, read_repository
from cadre.tools.project_settings import check_rules

MAX_NOTES = 60
MAX_NOTE_CHARS = 300


@dataclass(frozen=True)
class _Frozen:
    """A run's definitions and agents by role, and what the repository had for them."""

    definitions: dict[str, AgentDefinition]
    agents: dict[str, Agent]
    helpers: tuple[Helper, ...]
    files: RepositoryFiles
    notes: list[str]


class PrepareActivities:
    """`prices` is the table that models are priced by, `load_prices()` of the settings; `catalog`
    has the tools and agents that there are."""

    def __init__(
        self,
        objects: Objects,
        prices: Mapping[str, Model] = PRICES,
        catalog: Catalog | None = None,
    ) -> None:
        self._objects = objects
        self._prices = prices
        self._catalog = catalog or Catalog()

    @activity.defn(name="run.prepare")
    @cadre_errors
    async def prepare(self, request: PrepareRun) -> PreparedRun:
        """Freeze the run's agents. Nothing is stored unless everything fits.

        Raises WRONG_INPUT for an unknown repository, base, agent or tool, a malformed rule, or a
        malformed file that the run would use; UNKNOWN_MODEL for a model without a price.
        """
        tools = self._catalog.tools.names
        check_tools(request.disallowed_tools, tools)
        check_rules("allow", request.allow, tools)
        check_rules("deny", request.deny, tools)
        async with beating():
            frozen = await asyncio.to_thread(self._freeze, request)
            for role_name, definition in frozen.definitions.items():
                key = keys.definition(request.run, role_name)
                await self._objects.put_json(key, definition.model_dump(mode="json"))
            for helper in frozen.helpers:
                key = helper.agent.definition_key
                await self._objects.put_json(key, helper.definition.model_dump(mode="json"))
                key = keys.helper(request.run, helper.agent.name)
                await self._objects.put_json(key, helper.agent.model_dump(mode="json"))
            conventions = await self._store_conventions(request.run, frozen.files)
        return PreparedRun(
            agents=frozen.agents,
            conventions=conventions,
            notes=bounded_notes([*frozen.notes, *frozen.files.notes]),
        )

    def _freeze(self, request: PrepareRun) -> _Frozen:
        files = read_repository(request.repo, request.base, self._catalog.tools.names)
        chooser = Chooser(request, files, self._prices, self._catalog)
        definitions = {role.name: chooser.definition(role, name) for role, name in request.roles}
        agents = {
            role.name: chooser.agent(role, definitions[role.name]) for role, _ in request.roles
        }
        helpers: tuple[Helper, ...] = ()
        if any(TASK in agent.tools for agent in agents.values()):
            helpers = choose_helpers(chooser, self._catalog, files)
            lines = tuple(helper.line for helper in helpers)
            agents = {name: with_helpers(agent, lines) for name, agent in agents.items()}
        return _Frozen(definitions, agents, helpers, files, chooser.notes)

    async def _store_conventions(self, run: str, files: RepositoryFiles) -> ContextItem | None:
        if not files.conventions:
            return None
        key = keys.conventions(run)
        await self._objects.put(key, files.conventions)
        names = " and ".join(files.conventions_from)
        return ContextItem(title=f"The repository's conventions ({names})", key=key)


def check_tools(names: Sequence[str], tools: Sequence[str]) -> None:
    """Refuse names that are none of the `tools`: nothing would be disallowed by them."""
    unknown = [name for name in names if name not in tools]
    if unknown:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"unknown tool {shown(unknown[0])!r} to disallow: there are {', '.join(tools)}",
        )


def bounded_notes(notes: list[str]) -> tuple[str, ...]:
    """Notes enter the history, so there are few of them, each one short printable line."""
    lines = [shown(" ".join(note.split()), MAX_NOTE_CHARS) for note in dict.fromkeys(notes)]
    more = len(lines) - MAX_NOTES
    return (*lines[:MAX_NOTES], *([f"{more} more notes"] if more > 0 else []))
