"""work ─▶ check ─▶ done"""

from __future__ import annotations

from functools import partial

from pydantic import Field
from temporalio import workflow

from cadre.domain import briefs
from cadre.domain.agents import Role
from cadre.domain.outcomes import Ending, RunResult
from cadre.domain.roles import WORKER
from cadre.domain.runs import RunInput
from workflows.run import Run
from workflows.stages import Stages


class OneShotInput(RunInput):
    """One agent does a task on a repository."""

    max_rounds: int = Field(
        default=1, ge=1, le=10, description="How many agents try, where there is a check."
    )
    agent: str = Field(default="worker", description="Agent definition that does it.")

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """The worker."""
        return ((WORKER, self.agent),)

    def headcount(self) -> dict[str, tuple[int, int]]:
        """One worker, or one for each round."""
        return {"worker": (1, self.max_rounds)}


@workflow.defn(name="one-shot")
class OneShot:
    """One agent works; the check, if there is one, judges."""

    @workflow.init
    def __init__(self, spec: OneShotInput) -> None:
        self._spec = spec
        self._run = Run(spec)

    @workflow.run
    async def run(self, _: OneShotInput) -> RunResult:
        """Conduct the run to its result."""
        return await self._run.conduct(self._stages)

    async def _stages(self) -> Ending:
        spec, run = self._spec, self._run
        stages = Stages(run)
        await run.check("before")
        task = partial(briefs.work_task, spec.task, spec.check)
        gates = [stages.check] if spec.check else []
        return await stages.until_passed(WORKER, task, gates, rounds=spec.max_rounds)
