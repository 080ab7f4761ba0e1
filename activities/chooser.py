"""Who fills a run's roles, and with what: tools, permissions, a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cadre.domain.agents import (
    Agent,
    AgentDefinition,
    Role,
    allowed_tools,
    asking,
    layer_of,
)
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.permissions import Layer, PermissionMode, Permissions
from cadre.domain.runs import PrepareRun
from cadre.domain.usage import Model
from cadre.llm.models import resolve, traits
from cadre.storage import keys
from cadre.tools.catalog import Catalog
from cadre.tools.definitions import RepositoryFiles, choose

# What a definition says where it leaves the model to the caller.
CALLERS_MODEL = ("inherit", "default")
# They travel in the history with each call, twice with a sub-agent's.
MAX_PERMISSIONS_BYTES = 10 * 1024


class Chooser:
    """Chooses who fills a role, and with what; tells in `notes` what a user should know."""

    def __init__(
        self,
        request: PrepareRun,
        files: RepositoryFiles,
        prices: Mapping[str, Model],
        catalog: Catalog,
    ) -> None:
        self._request = request
        self._catalog = catalog
        self._files = files
        self._prices = prices
        self._settings = files.settings.for_run(hooks=not request.no_hooks)
        used = {name for _, name in request.roles}
        self.notes = [
            f"{error.message} (left out)"
            for name, error in files.malformed.items()
            if name not in used or name in files.definitions
        ]
        self.notes += [*self._settings.notes, *self._in_vain()]

    @property
    def run(self) -> str:
        """The run that it chooses for."""
        return self._request.run

    def definition(self, role: Role, name: str) -> AgentDefinition:
        """The definition of that name for the role, with a note where it is not the obvious one."""
        trusted = self._request.trust_repo
        chosen = choose(role, name, self._files, self._catalog.agents, trust_repo=trusted)
        if chosen is self._files.definitions.get(name):
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
        permissions = self._permissions(role, definition)
        refused = (
            *self._request.disallowed_tools,
            *permissions.removed_tools(self._catalog.tools.names),
        )
        if any(layer.mode is PermissionMode.PLAN for layer in permissions.layers):
            role = role.model_copy(update={"writes": False})
        tools, notes = allowed_tools(definition, role, refused, self._catalog.tools.names)
        asked = asking(definition, tools, self._run_layer.mode or self._settings.layer.mode)
        self.notes += [*notes, asked] if asked else notes
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
            permissions=permissions,
            model=model,
            fallback=self._fallback(definition, model),
            effort=effort,
            max_turns=definition.max_turns,
        )

    @property
    def _run_layer(self) -> Layer:
        asked = self._request
        return Layer(
            source="the run", mode=asked.permission_mode, allow=asked.allow, deny=asked.deny
        )

    def _permissions(self, role: Role, definition: AgentDefinition) -> Permissions:
        """What binds the agent: the run, the repository's settings, its own definition."""
        layers = (self._run_layer, self._settings.layer, layer_of(definition))
        permissions = Permissions(
            layers=tuple(layer for layer in layers if not layer.says_nothing),
            hooks=self._settings.hooks,
            hooks_speak=self._request.trust_repo or not role.locked,
        )
        size = len(permissions.model_dump_json())
        if size > MAX_PERMISSIONS_BYTES:
            raise CadreError(
                ErrorKind.WRONG_INPUT,
                f"agent {definition.name}: the rules and hooks that bind it have {size} bytes; at "
                f"most {MAX_PERMISSIONS_BYTES} are allowed",
            )
        return permissions

    def _in_vain(self) -> Iterator[str]:
        """What the settings would widen, were it theirs to widen."""
        layer, run = self._settings.layer, self._run_layer
        if layer.mode is PermissionMode.BYPASS and not run.says_nothing:
            yield f"{layer.source}: defaultMode {layer.mode} is left out: it cannot widen the run"
        if layer.allow and run.mode in (PermissionMode.DEFAULT, PermissionMode.ACCEPT_EDITS):
            yield f"{layer.source}: permissions.allow is left out: it cannot widen the run"

    def _model(self, role: Role, definition: AgentDefinition) -> Model:
        named = definition.model
        name = role.model if named is None or named in CALLERS_MODEL else named
        return self._resolved(name, definition)

    def _fallback(self, definition: AgentDefinition, model: Model) -> Model | None:
        """The model for when the budget runs short; one that is no cheaper would be of no use."""
        if definition.fallback_model is None:
            return None
        found = self._resolved(definition.fallback_model, definition)
        if found.price.base.output < model.price.base.output:
            return found
        self.notes.append(
            f"agent {definition.name}: fallbackModel {found.id} is left out: it is no cheaper than "
            f"{model.id}"
        )
        return None

    def _resolved(self, name: str, definition: AgentDefinition) -> Model:
        try:
            return resolve(name, overrides=self._prices)
        except CadreError as error:
            message = f"agent {definition.name} ({definition.source}): {error.message}"
            raise CadreError(error.kind, message) from error
