"""build ─▶ check ─▶ review ─▶ person ─▶ deliver
▲           │        │         │  ▲
├─ findings ┴────────┘         │  └─ edit: their commits, check, review
└─ reasons ────────────────────┘
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pydantic import Field
from temporalio import workflow

from cadre.domain import acceptance, briefs
from cadre.domain.agents import Role
from cadre.domain.decisions import Decided
from cadre.domain.outcomes import Ending, RunResult
from cadre.domain.reports import Finding
from cadre.domain.roles import BUILDER, REVIEWER
from workflows.acceptance import Acceptance, DeliveredInput
from workflows.deliveries import Deliveries
from workflows.run import Run
from workflows.stages import Stages


class ApprovalInput(DeliveredInput):
    """Build and review a task, have a person approve the result, and deliver it."""

    max_rounds: int = Field(
        default=3, ge=1, le=10, description="How many builds are reviewed before a person is asked."
    )
    max_rejections: int = Field(
        default=3, ge=0, le=20, description="How often a person may send it back with reasons."
    )
    builder: str = Field(default="builder", description="Agent definition that builds.")
    reviewer: str = Field(default="reviewer", description="Agent definition that reviews.")

    @property
    def asks(self) -> bool:
        """A person has the last word."""
        return True

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """Builder and reviewer."""
        return ((BUILDER, self.builder), (REVIEWER, self.reviewer))

    def headcount(self) -> dict[str, tuple[int, int]]:
        """Builders and reviewers for one round at least, and for all rounds that may come."""
        most = self.max_rounds * (1 + self.max_rejections)
        return {"builder": (1, most), "reviewer": (1, most)}


@workflow.defn(name="approval")
class Approval:
    """One builds, one reviews, a person decides; what they approved is delivered."""

    @workflow.init
    def __init__(self, spec: ApprovalInput) -> None:
        self._spec = spec
        self._run = Run(spec)
        self._stages = Stages(self._run, last_word=False)

    @workflow.run
    async def run(self, _: ApprovalInput) -> RunResult:
        """Conduct the run to its result."""
        return await self._run.conduct(self._to_the_end)

    async def _to_the_end(self) -> Ending:
        spec, run = self._spec, self._run
        deliveries = Deliveries(run, spec.targets)
        await deliveries.plan()
        await run.check("before")
        person = Acceptance(run, deliveries, self._look, self._rework, spec.max_rejections)
        return await person.conclude(await self._build())

    async def _build(self, against: Sequence[Finding] = ()) -> Ending:
        stages = self._stages
        return await stages.until_passed(
            BUILDER,
            partial(briefs.work_task, stages.task, self._spec.check),
            [stages.check, stages.review],
            rounds=self._spec.max_rounds,
            against=against,
        )

    async def _rework(self, decision: Decided) -> Ending:
        self._stages.task = acceptance.wished(self._stages.task, decision)
        return await self._build([acceptance.rejection(decision)])

    async def _look(self, name: str) -> Ending:
        return await self._stages.judged(name, [self._stages.check, self._stages.review])
