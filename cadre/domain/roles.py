"""The parts that agents play in the patterns.

Models by kind of work: looking around is cheap, building is the bulk, and planning and judging
decide over everything else.
"""

from cadre.domain.agents import Role

SCOUT = Role(name="scout", report="ScoutReport", model="haiku")
PLANNER = Role(name="planner", report="Plan", model="opus")
BUILDER = Role(name="builder", report="BuildReport", writes=True, model="sonnet")
REVIEWER = Role(name="reviewer", report="Review", locked=True, model="opus")
