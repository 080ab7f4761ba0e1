"""count ─▶ write

A surveyor, who only reads, finds the longest files; a worker writes what was found into a file.
"""

from pydantic import Field
from temporalio import workflow

from cadre.domain.agents import Role
from cadre.domain.outcomes import Ending, RunResult, RunStatus
from cadre.domain.roles import SCOUT, WORKER
from cadre.domain.runs import RunInput
from workflows.run import Run
from workflows.stages import Stages

# A part of its own: it reads, and reports as a scout does.
SURVEYOR = Role(name="surveyor", report="ScoutReport", model=SCOUT.model)


class SurveyInput(RunInput):
    """Find the longest files of a repository."""

    longest: int = Field(default=3, ge=1, le=20, description="How many files to name.")
    surveyor: str = Field(default="surveyor", description="Agent definition that counts.")
    worker: str = Field(default="worker", description="Agent definition that writes.")

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """The surveyor and the worker."""
        return (SURVEYOR, self.surveyor), (WORKER, self.worker)


@workflow.defn(name="survey")
class Survey:
    """One counts, one writes."""

    @workflow.init
    def __init__(self, spec: SurveyInput) -> None:
        self._spec = spec
        self._run = Run(spec)

    @workflow.run
    async def run(self, _: SurveyInput) -> RunResult:
        """Conduct the run to its result."""
        return await self._run.conduct(self._stages)

    async def _stages(self) -> Ending:
        spec, stages = self._spec, Stages(self._run)
        named = f"Name the {spec.longest} longest files, the longest first."
        await stages.ask(SURVEYOR, f"{spec.task}\n\n{named}")
        await stages.ask(WORKER, "Write the surveyor's facts into SURVEY.md, one on each line.")
        return Ending(status=RunStatus.APPROVED, summary=f"surveyed by {spec.surveyor}")
