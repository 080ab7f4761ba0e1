"""What a run can be made of: the tools and agents of Cadre and of the included modules."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from types import ModuleType
from typing import Any

from cadre.domain.agents import AgentDefinition
from cadre.domain.errors import CadreError
from cadre.included import offered, refused
from cadre.tools.definitions import built_in_definitions, read_definitions
from cadre.tools.registry import TOOLS, Toolbox
from cadre.tools.tool import Tool

# As the Messages API has it, and as an agent file and a permission rule can name it.
_TOOL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Catalog:
    """Tools, and by name the agent definitions that are not a repository's."""

    tools: Toolbox = field(default_factory=Toolbox)
    agents: Mapping[str, AgentDefinition] = field(default_factory=built_in_definitions)


def catalog_of(modules: Sequence[ModuleType]) -> Catalog:
    """Cadre's own and what the modules offer.

    Raises CadreError(WRONG_INPUT), one line, for a name that is taken or makes no sense, and for
    an agent file that is malformed.
    """
    tools: dict[str, Tool[Any]] = {tool.name: tool for tool in TOOLS}
    for module, tool in offered(modules, "TOOLS", Tool):
        if not _TOOL_NAME.fullmatch(tool.name):
            raise refused(module, f"{tool.name!r} cannot be a tool's name")
        if tool.name in tools:
            raise refused(module, f"there is a tool {tool.name} already")
        _check_schema(module, tool)
        tools[tool.name] = tool
    agents = built_in_definitions()
    for source in modules:
        for definition in _definitions(source, tuple(tools)):
            if definition.name in agents:
                raise refused(source.__name__, f"there is an agent {definition.name} already")
            agents[definition.name] = definition
    return Catalog(Toolbox(tuple(tools.values())), agents)


def _check_schema(module: str, tool: Tool[Any]) -> None:
    """Find out now whether the model can be told of it."""
    try:
        tool.schema()
    except (KeyError, TypeError, AttributeError) as error:
        why = f"the tool {tool.name} needs an input model with a docstring and with fields"
        raise refused(module, why) from error
    if tool.subject not in tool.input.model_fields:
        raise refused(module, f"the tool {tool.name} has no input field {tool.subject!r}")


def _definitions(module: ModuleType, tools: Sequence[str]) -> list[AgentDefinition]:
    """The agent files in the directory that a module names, beside it."""
    name = getattr(module, "AGENTS", None)
    if name is None:
        return []
    package = module.__name__ if hasattr(module, "__path__") else module.__package__
    directory = _directory(package, name) if isinstance(name, str) and package else None
    if directory is None:
        raise refused(module.__name__, f"its AGENTS, {name!r}, names no directory in its package")
    try:
        found = read_definitions(directory, name, tools)
    except CadreError as error:
        raise refused(module.__name__, error.message) from error
    if not found:
        raise refused(module.__name__, f"there is no agent file in {name}")
    return [definition.model_copy(update={"source": module.__name__}) for definition in found]


def _directory(package: str, name: str) -> Traversable | None:
    directory = importlib.resources.files(package).joinpath(name)
    return directory if directory.is_dir() else None
