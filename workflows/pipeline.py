"""scout ─▶ plan ─▶ build ─▶ check ─▶ review ─▶ approved
▲          │         │
└──────────┴─ findings ┘   at most `max_rounds` times
"""

from __future__ import annotations

from functools import partial

from pydantic import Field
from temporalio import workflow

from cadre.domain import briefs
from cadre.domain.agents import Role
from cadre.domain.outcomes import Ending, RunResult
from cadre.domain.roles import BUILDER, PLANNER, REVIEWER, SCOUT
from cadre.domain.runs import RunInput
from workflows.run import Run
from workflows.stages import Stages


class PipelineInput(RunInput):
    """Scout, plan, build and review a task on a repository."""

    scouts: int = Field(default=1, ge=1, le=10, description="How many scouts look around at once.")
    max_rounds: int = Field(default=3, ge=1, le=10, description="How many builds are reviewed.")
    scout: str = Field(default="scout", description="Agent definition that scouts.")
    planner: str = Field(default="planner", description="Agent definition that plans.")
    builder: str = Field(default="builder", description="Agent definition that builds.")
    reviewer: str = Field(default="reviewer", description="Agent definition that reviews.")

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """Scout, planner, builder and reviewer."""
        return (
            (SCOUT, self.scout),
            (PLANNER, self.planner),
            (BUILDER, self.builder),
            (REVIEWER, self.reviewer),
        )

    def headcount(self) -> dict[str, tuple[int, int]]:
        """Builders and reviewers for one round at least."""
        rounds = (1, self.max_rounds)
        scouts = (self.scouts, self.scouts)
        return {"scout": scouts, "planner": (1, 1), "builder": rounds, "reviewer": rounds}


@workflow.defn(name="pipeline")
class Pipeline:
    """Scouts look, one plans, one builds, one reviews; findings go back to a fresh builder."""

    @workflow.init
    def __init__(self, spec: PipelineInput) -> None:
        self._spec = spec
        self._run = Run(spec)

    @workflow.run
    async def run(self, _: PipelineInput) -> RunResult:
        """Conduct the run to its result."""
        return await self._run.conduct(self._stages)

    async def _stages(self) -> Ending:
        spec, run = self._spec, self._run
        stages = Stages(run)
        await run.check("before")
        await stages.gather(SCOUT, briefs.scout_tasks(spec.task, spec.scouts))
        await stages.ask(PLANNER, briefs.plan_task(spec.task), name="planner")
        return await stages.until_passed(
            BUILDER,
            partial(briefs.build_task, spec.task, spec.check),
            [stages.check, stages.review],
            rounds=spec.max_rounds,
        )
