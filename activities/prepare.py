"""Activity `run.prepare`: freeze what a run uses before anything else happens.

Definitions, models and prices are settled here once and travel with the run; what the
repository or the price table becomes later does not change it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from temporalio import activity

from activities.errors import cadre_errors
from activities.heartbeat import beating
from cadre.domain.agents import TOOL_NAMES, Agent, AgentDefinition, Role, allowed_tools
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.frontmatter import shown
from cadre.domain.runs import PreparedRun, PrepareRun
from cadre.domain.turns import ContextItem
from cadre.domain.usage import Model
from cadre.llm.models import resolve, traits
from cadre.llm.prices import PRICES
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.definitions import BUILT_IN, RepositoryFiles, choose, read_repository

MAX_NOTES = 60
MAX_NOTE_CHARS = 300
# What a definition says where it leaves the model to the caller.
CALLERS_MODEL = ("inherit", "default")


@dataclass(frozen=True)
class _Frozen:
    """A run's definitions and agents by role, and what the repository had for them."""

    definitions: dict[str, AgentDefinition]
    agents: dict[str, Agent]
    files: RepositoryFiles
    notes: list[str]


class PrepareActivities:
    """`prices` is the table that models are priced by, `load_prices()` of the settings."""

    def __init__(self, objects: Objects, prices: Mapping[str, Model] = PRICES) -> None:
        self._objects = objects
        self._prices = prices

    @activity.defn(name="run.prepare")
    @cadre_errors
    async def prepare(self, request: PrepareRun) -> PreparedRun:
        """Freeze the run's agents. Nothing is stored unless everything fits.

        Raises WRONG_INPUT for an unknown repository, base, agent or tool, or a malformed file
        that the run would use; UNKNOWN_MODEL for a model without a price.
        """
        check_tools(request.disallowed_tools)
        async with beating():
            frozen = await asyncio.to_thread(self._freeze, request)
            for role_name, definition in frozen.definitions.items():
                key = keys.definition(request.run, role_name)
                await self._objects.put_json(key, definition.model_dump(mode="json"))
            conventions = await self._store_conventions(request.run, frozen.files)
        return PreparedRun(
            agents=frozen.agents,
            conventions=conventions,
            notes=bounded_notes([*frozen.notes, *frozen.files.notes]),
        )

    def _freeze(self, request: PrepareRun) -> _Frozen:
        files = read_repository(request.repo, request.base)
        chooser = _Chooser(request, files, self._prices)
        definitions = {role.name: chooser.definition(role, name) for role, name in request.roles}
        agents = {
            role.name: chooser.agent(role, definitions[role.name]) for role, _ in request.roles
        }
        return _Frozen(definitions, agents, files, chooser.notes)

    async def _store_conventions(self, run: str, files: RepositoryFiles) -> ContextItem | None:
        if not files.conventions:
            return None
        key = keys.conventions(run)
        await self._objects.put(key, files.conventions)
        names = " and ".join(files.conventions_from)
        return ContextItem(title=f"The repository's conventions ({names})", key=key)


def check_tools(names: tuple[str, ...]) -> None:
    """Refuse names that are no tool of Cadre's: nothing would be disallowed by them."""
    unknown = [name for name in names if name not in TOOL_NAMES]
    if unknown:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"unknown tool {shown(unknown[0])!r} to disallow: there are {', '.join(TOOL_NAMES)}",
        )


class _Chooser:
    """Chooses who fills a role, and with what; tells in `notes` what a user should know."""

    def __init__(
        self,
        request: PrepareRun,
        files: RepositoryFiles,
        prices: Mapping[str, Model],
    ) -> None:
        self._request = request
        self._files = files
        self._prices = prices
        used = {name for _, name in request.roles}
        self.notes = [
            f"{error.message} (left out)"
            for name, error in files.malformed.items()
            if name not in used or name in files.definitions
        ]

    def definition(self, role: Role, name: str) -> AgentDefinition:
        """The definition of that name for the role, with a note where it is not the obvious one."""
        trusted = self._request.trust_repo
        chosen = choose(role, name, self._files, trust_repo=trusted)
        if chosen.source != BUILT_IN:
            locked = ", a locked role, because the repository is trusted" if role.locked else ""
            self.notes.append(f"agent {name}: {chosen.source} fills the role {role.name}{locked}")
            self.notes += chosen.warnings
        elif name in self._files.definitions or name in self._files.malformed:
            self.notes.append(
                f"agent {name}: the repository's own definition is left out, because the role "
                f"{role.name} is locked (--trust-repo lets it in)"
            )
        return chosen

    def agent(self, role: Role, definition: AgentDefinition) -> Agent:
        """The definition resolved for this run."""
        tools, notes = allowed_tools(definition, role, self._request.disallowed_tools)
        self.notes += notes
        model = self._model(role, definition)
        effort = definition.effort
        if effort is not None and effort not in traits(model.id).efforts:
            self.notes.append(f"agent {definition.name}: {model.id} has no effort {effort}")
            effort = None
        return Agent(
            name=definition.name,
            role=role,
            definition_key=keys.definition(self._request.run, role.name),
            sha256=definition.sha256,
            source=definition.source,
            tools=tools,
            model=model,
            effort=effort,
            max_turns=definition.max_turns,
        )

    def _model(self, role: Role, definition: AgentDefinition) -> Model:
        named = definition.model
        name = role.model if named is None or named in CALLERS_MODEL else named
        try:
            return resolve(name, overrides=self._prices)
        except CadreError as error:
            message = f"agent {definition.name} ({definition.source}): {error.message}"
            raise CadreError(error.kind, message) from error


def bounded_notes(notes: list[str]) -> tuple[str, ...]:
    """Notes enter the history, so there are few of them, each one short printable line."""
    lines = [shown(" ".join(note.split()), MAX_NOTE_CHARS) for note in dict.fromkeys(notes)]
    more = len(lines) - MAX_NOTES
    return (*lines[:MAX_NOTES], *([f"{more} more notes"] if more > 0 else []))
