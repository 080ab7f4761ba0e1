"""What a pattern of somebody's own may do twice: use a name, and ask a question."""

from __future__ import annotations

import asyncio
import uuid

from temporalio import workflow
from temporalio.client import Client

from cadre.domain.agents import Role
from cadre.domain.decisions import Choice, Decision, Question
from cadre.domain.outcomes import Ending, RunResult, RunStatus
from cadre.domain.roles import SCOUT
from cadre.domain.runs import RunInput
from tests.workflows.course import agents, asked
from tests.workflows.scripted import Script
from tests.workflows.test_fan_out import asked_questions
from workflows.run import Run


class TwiceInput(RunInput):
    """Do everything twice."""

    def cast(self) -> tuple[tuple[Role, str], ...]:
        return ((SCOUT, "scout"),)


@workflow.defn(name="twice", sandboxed=False)
class Twice:
    @workflow.init
    def __init__(self, spec: TwiceInput) -> None:
        self._run = Run(spec)

    @workflow.run
    async def run(self, _: TwiceInput) -> RunResult:
        return await self._run.conduct(self._stages)

    async def _stages(self) -> Ending:
        run, said = self._run, []
        for _ in range(2):
            await run.gather(SCOUT, ["a", "b"])
            await run.ask(SCOUT, "c", name="planner")
            said.append((await run.go_ahead(Question(id="go", text="Shall it?"))).by)
        return Ending(status=RunStatus.APPROVED, summary=" ".join(said))


async def test_names_and_questions_are_told_apart(client: Client) -> None:
    script = Script(agents(), workflows=(Twice,))
    spec = TwiceInput(run=f"r-{uuid.uuid4().hex[:8]}", task="t", repo="/repo")
    handle = client.get_workflow_handle(spec.run, result_type=RunResult)
    async with script.worker(client, spec.run):
        await client.start_workflow("twice", spec, id=spec.run, task_queue=spec.run)
        for by in ("first", "second"):
            [question] = await asked_questions(client, spec.run)
            said = Decision(id=question.id, verdict=Choice.APPROVE, by=by)
            await handle.execute_update("decide", said)
        async with asyncio.timeout(60):
            result = await handle.result()
    assert result.summary == "first second"
    assert len(set(asked(script))) == len(result.agents) == 6
