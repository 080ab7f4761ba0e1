"""The parts that agents play in the patterns.

Models by kind of work: looking around is cheap, building is the bulk, and planning and judging
decide over everything else.
"""

from cadre.domain.agents import Role

SCOUT = Role(name="scout", report="ScoutReport", model="haiku")
PLANNER = Role(name="planner", report="Plan", model="opus")
BUILDER = Role(name="builder", report="BuildReport", writes=True, model="sonnet")
REVIEWER = Role(name="reviewer", report="Review", locked=True, model="opus")
WORKER = Role(name="worker", report="BuildReport", writes=True, model="sonnet")
SPLITTER = Role(name="splitter", report="Split", model="opus")
RESOLVER = Role(name="resolver", report="BuildReport", writes=True, model="opus")
# A sub-agent. Whether it writes depends on its tools, and on whether its asker may.
HELPER = Role(name="helper", report="Answer", writes=True, model="sonnet")

_KNOWN = {role.name: role for role in (SCOUT, PLANNER, BUILDER, REVIEWER)}


def role_of(agent: str) -> Role:
    """The part that an agent plays where it is only named: its own one where it has one, else
    that of somebody who does a piece of work."""
    return _KNOWN.get(agent) or WORKER.model_copy(update={"name": agent})
