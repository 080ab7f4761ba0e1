"""Stages: an agent works, gates judge, and what stands against the work goes to the next agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cadre.domain import briefs
from cadre.domain.acceptance import verdict_text
from cadre.domain.agents import Role
from cadre.domain.decisions import Question
from cadre.domain.outcomes import AgentResult, Ending, RunStatus
from cadre.domain.reports import Finding, Review
from cadre.domain.roles import REVIEWER
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import CheckResult
from workflows.run import Run

PHASES = {
    "scout": RunStatus.SCOUTING,
    "planner": RunStatus.PLANNING,
    "builder": RunStatus.BUILDING,
    "splitter": RunStatus.SPLITTING,
}


@dataclass(frozen=True)
class Verdict:
    """What a gate says of the files as they are; findings that stand keep it closed."""

    summary: str
    findings: Sequence[Finding] = ()


# Judges the files as they are, after the work of the agent with that ID.
Gate = Callable[[str], Awaitable[Verdict]]


class Stages:
    """A run's stages on its main branch. Each agent reads the reports of those before it.

    With `last_word`, a run that asks has a person decide where an agent and its gates are still of
    two minds when the rounds are over; a pattern that shows them every result needs no such word.
    """

    def __init__(self, run: Run, *, last_word: bool = True) -> None:
        self._run = run
        self._last_word = last_word and run.spec.ask
        self._check: CheckResult | None = None
        self.known: list[ContextItem] = []
        self.task = run.spec.task

    async def gather(self, role: Role, tasks: Sequence[str]) -> None:
        """Several agents of one role that only reads, at once."""
        self._enter(role)
        results = await self._run.gather(role, tasks, self.known)
        self.known += [briefs.report_of(result) for result in results]

    async def ask(self, role: Role, task: str, *, name: str = "") -> AgentResult:
        """One agent to its report; what it changed is committed."""
        self._enter(role)
        result = await self._run.ask(role, task, self.known, name=name)
        self.known.append(briefs.report_of(result))
        if role.writes:
            await self._run.main.commit(briefs.subject_of(result), briefs.summary_of(result))
        return result

    async def until_passed(
        self,
        role: Role,
        task: Callable[[str], str],
        gates: Sequence[Gate],
        *,
        rounds: int,
        against: Sequence[Finding] = (),
    ) -> Ending:
        """Agents of a role, one after another, until every gate lets their work pass.

        `task` makes an agent's task from what stands against the work of the one before it; for the
        first one that is `against`.
        """
        verdict = Verdict("", against)
        for number in range(1, rounds + 1):
            worked = await self.ask(role, task(briefs.findings_text(verdict.findings)))
            own = Verdict(briefs.summary_of(worked))
            verdict = await self._judged(worked.agent_id, gates, own)
            if not briefs.standing(verdict.findings):
                return Ending.of(RunStatus.APPROVED, verdict.summary, verdict.findings, number)
        ending = Ending.of(RunStatus.NOT_APPROVED, verdict.summary, verdict.findings, rounds)
        return await self._taken(ending, worked.agent_id) if self._last_word else ending

    async def _taken(self, ending: Ending, worker: str) -> Ending:
        """What a person says of work that its gates do not let pass."""
        run = self._run
        change = await run.main.describe(f"verdict.{worker}")
        question = Question(
            id="verdict",
            kind="verdict",
            text=verdict_text(run.spec.subject, worker, ending, self._check),
            subject_sha256=run.main.head,
            subject_key=change.diff_key,
        )
        decision = await run.decide(question)
        if not decision.approved_by_somebody:
            return ending
        said = f"{decision.words}; {ending.summary}"
        return ending.model_copy(update={"status": RunStatus.APPROVED, "summary": said})

    async def judged(self, worker: str, gates: Sequence[Gate]) -> Ending:
        """What the gates say of the files as `worker` left them, who need not be an agent."""
        verdict = await self._judged(worker, gates, Verdict(""))
        stands = briefs.standing(verdict.findings)
        status = RunStatus.NOT_APPROVED if stands else RunStatus.APPROVED
        return Ending.of(status, verdict.summary, verdict.findings, 1)

    async def _judged(self, worker: str, gates: Sequence[Gate], verdict: Verdict) -> Verdict:
        """What the first gate says that does not open, else the last one; `verdict` without any."""
        for gate in gates:
            verdict = await gate(worker)
            if briefs.standing(verdict.findings):
                break
        return verdict

    async def check(self, worker: str) -> Verdict:
        """A gate: the run's check command must pass, with the base's tests as well."""
        return await self._command(self._run.spec.check, worker)

    def command(self, command: str) -> Gate:
        """A gate: this command must pass, with the base's tests as well."""
        return lambda worker: self._command(command, worker)

    async def _command(self, command: str | None, worker: str) -> Verdict:
        self._run.phase(RunStatus.CHECKING)
        name = f"after.{worker}"
        self._check = check = await self._run.check(name, command=command, guard_tests=True)
        allowed = self._run.spec.allow_test_changes
        failed = briefs.check_finding(check, allow_test_changes=allowed)
        if failed is not None:
            return Verdict("the check does not pass", [failed])
        return Verdict("no check was given" if check is None else "the check passes")

    async def review(self, worker: str) -> Verdict:
        """A gate: a reviewer must have nothing major against the change."""
        run = self._run
        run.phase(RunStatus.REVIEWING)
        change = await run.main.describe(f"after.{worker}")
        task = briefs.review_task(self.task, run.main.workspace.base, change, self._check)
        context = [*self.known, briefs.diff_of(change)]
        reviewed = await run.ask(REVIEWER, task, context)
        review = Review.model_validate(reviewed.report)
        return Verdict(review.summary, briefs.findings_of(review))

    def _enter(self, role: Role) -> None:
        self._run.phase(PHASES.get(role.name, RunStatus.WORKING))
