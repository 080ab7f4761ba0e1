"""A run's agents as a tree: sub-agents below those that asked for them, parts with their agents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cadre.domain.outcomes import PartLine
from starters.view import AgentView, RunView


@dataclass(frozen=True)
class Row:
    """A line of the tree: an agent, a part, or the two in one where an agent does a part.

    `branches` is what is drawn before its name, such as `│  └─ `.
    """

    branches: str
    name: str
    agent: AgentView | None = None
    part: PartLine | None = None

    @property
    def state(self) -> str:
        """How it stands: an agent's part tells it once the agent has ended."""
        if self.part is not None and (self.agent is None or self.agent.ended):
            return self.part.state.value
        return self.agent.state if self.agent else ""

    @property
    def now(self) -> str:
        """What it is at, else what it is about."""
        doing = self.agent.now if self.agent else ""
        if self.part is None or doing:
            return doing
        return f"{self.part.title}: {self.part.why}" if self.part.why else self.part.title


def rows(view: RunView) -> list[Row]:
    """The tree of a run, from its top to its bottom, each level in the order of the start."""
    below: dict[str, list[str]] = {}
    for agent_id in view.agents:
        parent = agent_id.rpartition("/")[0]
        below.setdefault(parent if parent in view.agents else "", []).append(agent_id)
    begun = {part.number for agent_id in view.agents if (part := view.parts.of(agent_id))}
    waiting = [part for number, part in view.parts.lines.items() if number not in begun]
    tops: list[str | PartLine] = [*below.get("", []), *waiting]
    return list(_level(view, below, tops, "", top=True))


def _level(
    view: RunView,
    below: dict[str, list[str]],
    members: Sequence[str | PartLine],
    indent: str,
    *,
    top: bool,
) -> Iterator[Row]:
    for position, member in enumerate(members, start=1):
        last = position == len(members)
        branches = f"{indent}{'└─' if last else '├─'} "
        if isinstance(member, PartLine):
            yield Row(branches, f"part {member.number}", part=member)
            continue
        name = member if top else member.rpartition("/")[2]
        yield Row(branches, name, view.agents[member], view.parts.of(member))
        children = below.get(member, [])
        yield from _level(view, below, children, f"{indent}{'   ' if last else '│  '}", top=False)
