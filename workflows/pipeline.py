"""Scout → plan → build → review.

scouts (at once) ─▶ plan ─▶ build ─▶ check ─▶ review ─▶ approved
                              ▲        │         │
                              └────────┴─────────┴─ findings, up to max_rounds builds
"""

from __future__ import annotations

from temporalio import workflow

from cadre.domain import briefs
from cadre.domain.reports import BuildReport, Finding, Review
from cadre.domain.roles import BUILDER, PLANNER, REVIEWER, SCOUT
from cadre.domain.runs import AgentResult, Ending, PipelineInput, RunResult, RunStatus
from cadre.domain.turns import ContextItem
from workflows.run import Run


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
        await run.check("before")

        run.phase(RunStatus.SCOUTING)
        scouted = await run.gather(SCOUT, briefs.scout_tasks(spec.task, spec.scouts))

        run.phase(RunStatus.PLANNING)
        facts = [briefs.report_of(scout) for scout in scouted]
        plan = await run.ask(PLANNER, briefs.plan_task(spec.task), facts)
        known = [*facts, briefs.report_of(plan)]

        findings: list[Finding] = []
        for number in range(1, spec.max_rounds + 1):
            built = await self._build(number, known, findings)
            known = [*known, briefs.report_of(built)]
            findings, summary = await self._judge(number, known)
            if not briefs.standing(findings):
                return Ending.of(RunStatus.APPROVED, summary, findings, number)
        return Ending.of(RunStatus.NOT_APPROVED, summary, findings, spec.max_rounds)

    async def _build(
        self, number: int, known: list[ContextItem], findings: list[Finding]
    ) -> AgentResult:
        spec, run = self._spec, self._run
        run.phase(RunStatus.BUILDING)
        task = briefs.build_task(spec.task, spec.check, briefs.findings_text(findings))
        built = await run.ask(BUILDER, task, known, name=f"builder.{number}")
        report = BuildReport.model_validate(built.report)
        await run.commit(report.subject, report.summary)
        return built

    async def _judge(self, number: int, known: list[ContextItem]) -> tuple[list[Finding], str]:
        """The engine's check first; only what passes it is worth a review."""
        spec, run = self._spec, self._run
        run.phase(RunStatus.CHECKING)
        check = await run.check(f"after.{number}", guard_tests=True)
        failed = briefs.check_finding(check, allow_test_changes=spec.allow_test_changes)
        if failed is not None:
            return [failed], "the check does not pass"

        run.phase(RunStatus.REVIEWING)
        change = await run.describe(f"round.{number}")
        task = briefs.review_task(spec.task, run.base, change, check)
        context = [*known, briefs.diff_of(change)]
        reviewed = await run.ask(REVIEWER, task, context, name=f"reviewer.{number}")
        review = Review.model_validate(reviewed.report)
        return briefs.findings_of(review), review.summary
