"""The agents that a run's agents may ask for by the tool Task."""

from __future__ import annotations

from dataclasses import dataclass

from activities.chooser import Chooser
from cadre.domain.agents import TASK, Agent, AgentDefinition, HelperLine
from cadre.domain.errors import CadreError
from cadre.domain.render import cell
from cadre.domain.roles import HELPER
from cadre.domain.rules import WRITE_TOOLS
from cadre.storage import keys
from cadre.tools.catalog import Catalog
from cadre.tools.definitions import RepositoryFiles

# Of Cadre's own; the others are parts of patterns.
BUILT_IN = ("scout", "worker")
# Each is described to the model in every request.
MAX_HELPERS = 20
MAX_DESCRIPTION_CHARS = 150


@dataclass(frozen=True)
class Helper:
    """An agent to ask for, with the definition that it was made of."""

    agent: Agent
    definition: AgentDefinition

    @property
    def line(self) -> HelperLine:
        """What others see of it."""
        return HelperLine(
            name=self.agent.name,
            description=cell(self.definition.description, MAX_DESCRIPTION_CHARS),
            writes=self.agent.role.writes,
        )


def choose_helpers(
    chooser: Chooser, catalog: Catalog, files: RepositoryFiles
) -> tuple[Helper, ...]:
    """Cadre's scout and worker, those of included packages, and the repository's own.

    Whether one writes is a matter of its tools: without Write and Edit it sees the files read-only.
    """
    included = [name for name, found in catalog.agents.items() if found.source != "built-in"]
    names = dict.fromkeys((*BUILT_IN, *included, *files.definitions))
    if len(names) > MAX_HELPERS:
        chooser.notes.append(f"of {len(names)} agents to ask for, {MAX_HELPERS} are offered")
    found = []
    for name in list(names)[:MAX_HELPERS]:
        try:
            found.append(_helper(chooser, name))
        except CadreError as error:  # of a file that the run itself does not need
            chooser.notes.append(f"{error.message} (left out)")
    lines = tuple(helper.line for helper in found)
    return tuple(Helper(with_helpers(h.agent, lines), h.definition) for h in found)


def _helper(chooser: Chooser, name: str) -> Helper:
    definition = chooser.definition(HELPER, name)
    agent = chooser.agent(HELPER, definition)
    writes = agent.role.writes and any(tool in agent.tools for tool in WRITE_TOOLS)
    agent = agent.model_copy(
        update={
            "role": agent.role.model_copy(update={"writes": writes}),
            "definition_key": keys.definition(chooser.run, f"helper.{name}"),
        }
    )
    return Helper(agent, definition)


def with_helpers(agent: Agent, lines: tuple[HelperLine, ...]) -> Agent:
    """An agent that knows whom it may ask, if it may ask anybody."""
    return agent.model_copy(update={"helpers": lines}) if TASK in agent.tools else agent
