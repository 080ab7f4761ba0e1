"""stage ─▶ gate ─▶ stage ─▶ gate ─▶ … ─▶ done
▲         │       ▲         │
└─────────┘       └─────────┘   at most `max_rounds` times each
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from pydantic import Field, field_validator
from temporalio import workflow

from cadre.domain import briefs
from cadre.domain.agents import Role
from cadre.domain.outcomes import Ending, RunResult, RunStatus
from cadre.domain.roles import REVIEWER, role_of
from cadre.domain.runs import RunInput
from workflows.run import Run
from workflows.stages import Gate, Stages

REVIEW = "review"


class Step(NamedTuple):
    """A stage: the role that works, its agent, and what its work must pass, if anything."""

    role: Role
    agent: str
    gate: str


class GatedInput(RunInput):
    """Stages of your own, one after another, each with a gate that its work must pass."""

    stage: tuple[str, ...] = Field(
        min_length=1,
        max_length=20,
        description="AGENT, or AGENT=GATE: a command that must pass, or `review`. Give several.",
    )
    max_rounds: int = Field(default=3, ge=1, le=10, description="How many tries a stage has.")
    reviewer: str = Field(default="reviewer", description="Agent definition that reviews.")

    @field_validator("stage")
    @classmethod
    def _names_an_agent(cls, stages: tuple[str, ...]) -> tuple[str, ...]:
        for stage in stages:
            agent, equals, gate = stage.partition("=")
            if not agent.strip() or (equals and not gate.strip()):
                raise ValueError(f"{stage!r} is neither AGENT nor AGENT=GATE")
        return stages

    @property
    def steps(self) -> list[Step]:
        """The stages, taken apart."""
        parts = [stage.partition("=") for stage in self.stage]
        return [Step(role_of(a.strip()), a.strip(), gate.strip()) for a, _, gate in parts]

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """The agents that the stages name, and a reviewer where a gate needs one."""
        cast = {step.role: step.agent for step in self.steps}
        if any(step.gate == REVIEW for step in self.steps):
            cast.setdefault(REVIEWER, self.reviewer)
        return tuple(cast.items())

    def headcount(self) -> dict[str, tuple[int, int]]:
        """Each stage once, and once more for each further round that its gate may take."""
        count: dict[str, tuple[int, int]] = {}
        for step in self.steps:
            rounds = self.max_rounds if step.gate else 1
            for name in [step.role.name, *(["reviewer"] if step.gate == REVIEW else [])]:
                least, most = count.get(name, (0, 0))
                count[name] = (least + 1, most + rounds)
        return count


@workflow.defn(name="stages")
class Gated:
    """One stage after another; the first whose work does not pass its gate ends the run."""

    @workflow.init
    def __init__(self, spec: GatedInput) -> None:
        self._spec = spec
        self._run = Run(spec)

    @workflow.run
    async def run(self, _: GatedInput) -> RunResult:
        """Conduct the run to its result."""
        return await self._run.conduct(self._stages)

    async def _stages(self) -> Ending:
        spec, run = self._spec, self._run
        stages = Stages(run)
        await run.check("before")
        for step in spec.steps:
            task = partial(briefs.stage_task, spec.task, step.gate)
            gates = self._gates(stages, step.gate)
            rounds = spec.max_rounds if gates else 1
            ending = await stages.until_passed(step.role, task, gates, rounds=rounds)
            if ending.status is not RunStatus.APPROVED:
                return ending
        if spec.check:
            final = await stages.check("all")
            if briefs.standing(final.findings):
                return Ending.of(RunStatus.NOT_APPROVED, final.summary, final.findings, 0)
        return ending

    def _gates(self, stages: Stages, gate: str) -> list[Gate]:
        if not gate:
            return []
        return [stages.review if gate == REVIEW else stages.command(gate)]
