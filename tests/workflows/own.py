"""A pattern of somebody's own, with an agent that has a name and a report of its choice."""

from __future__ import annotations

from temporalio import workflow

from cadre.domain.agents import Role
from cadre.domain.outcomes import Ending, RunResult, RunStatus
from cadre.domain.runs import RunInput
from workflows.run import Run
from workflows.stages import Stages

SCRIBE = Role(name="scribe", report="Answer", writes=True)


class OwnInput(RunInput):
    """One agent writes something down."""

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """The scribe."""
        return ((SCRIBE, "scribe"),)


@workflow.defn(name="own")
class Own:
    """One agent, which is called `run`."""

    @workflow.run
    async def run(self, spec: OwnInput) -> RunResult:
        """Conduct the run to its result."""
        return await (run := Run(spec)).conduct(lambda: self._write(run))

    async def _write(self, run: Run) -> Ending:
        await Stages(run).ask(SCRIBE, "write", name="run")
        return Ending(status=RunStatus.APPROVED, summary="written")
