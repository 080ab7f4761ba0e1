"""scout ─▶ build ─▶ check ─▶ done
▲        │
└────────┘   at most `max_rounds` times
"""

from __future__ import annotations

from functools import partial

from pydantic import Field
from temporalio import workflow

from cadre.domain import briefs
from cadre.domain.agents import Role
from cadre.domain.outcomes import Ending, RunResult
from cadre.domain.roles import BUILDER, SCOUT
from cadre.domain.runs import RunInput
from workflows.run import Run
from workflows.stages import Stages


class ScoutBuildInput(RunInput):
    """A scout that only reads looks around; a builder works from its report."""

    scouts: int = Field(default=1, ge=1, le=10, description="How many scouts look around at once.")
    max_rounds: int = Field(
        default=1, ge=1, le=10, description="How many builders try, where there is a check."
    )
    scout: str = Field(default="scout", description="Agent definition that scouts.")
    builder: str = Field(default="builder", description="Agent definition that builds.")

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """Scout and builder."""
        return ((SCOUT, self.scout), (BUILDER, self.builder))

    def headcount(self) -> dict[str, tuple[int, int]]:
        """The scouts, and a builder for each round."""
        return {"scout": (self.scouts, self.scouts), "builder": (1, self.max_rounds)}


@workflow.defn(name="scout-build")
class ScoutBuild:
    """Scouts look, one builds; the check, if there is one, judges."""

    @workflow.init
    def __init__(self, spec: ScoutBuildInput) -> None:
        self._spec = spec
        self._run = Run(spec)

    @workflow.run
    async def run(self, _: ScoutBuildInput) -> RunResult:
        """Conduct the run to its result."""
        return await self._run.conduct(self._stages)

    async def _stages(self) -> Ending:
        spec, run = self._spec, self._run
        stages = Stages(run)
        await run.check("before")
        await stages.gather(SCOUT, briefs.scout_tasks(spec.task, spec.scouts))
        task = partial(briefs.work_task, spec.task, spec.check)
        gates = [stages.check] if spec.check else []
        return await stages.until_passed(BUILDER, task, gates, rounds=spec.max_rounds)
