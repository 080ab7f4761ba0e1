"""┌▶ work ─┐
split ─┼▶ work ─┼▶ merge, check ─▶ merge, check ─▶ … ─▶ done
       └▶ work ─┘    └▶ resolve
"""

from __future__ import annotations

from pydantic import Field, model_validator
from temporalio import workflow

from cadre.domain import briefs
from cadre.domain.agents import Role
from cadre.domain.decisions import Question
from cadre.domain.estimate import estimate, split_text
from cadre.domain.outcomes import Ending, RunResult, RunStatus
from cadre.domain.reports import Split, SplitPart
from cadre.domain.roles import RESOLVER, SPLITTER, WORKER
from workflows.acceptance import Acceptance, DeliveredInput
from workflows.deliveries import Deliveries
from workflows.ends import Stop
from workflows.integration import Integration
from workflows.parts import Parts
from workflows.run import Run

MAX_TASKS_BYTES = 32 * 1024
MIN_AGENTS_OF_TASK = 3


class FanOutInput(DeliveredInput):
    """Many agents at once, each on a part of the work, merged into one branch."""

    task: str = Field(
        default="", max_length=16_000, description="What shall be done; a splitter splits it."
    )
    tasks: tuple[str, ...] = Field(
        default=(), description="One part of the work, instead of TASK. Give several."
    )
    yes: bool = Field(default=False, description="Start the parts without asking.")
    approve: bool = Field(
        default=False, description="Have a person approve the result; --deliver does so too."
    )
    splitter: str = Field(default="splitter", description="Agent definition that splits.")
    worker: str = Field(default="worker", description="Agent definition that does a part.")
    resolver: str = Field(default="resolver", description="Agent definition that settles merges.")

    @model_validator(mode="after")
    def _has_one_kind_of_task(self) -> FanOutInput:
        if bool(self.task.strip()) == bool(self.tasks):
            raise ValueError("give either TASK, which is split, or --task for each part")
        if any(not task.strip() for task in self.tasks):
            raise ValueError("--task: one of them is empty; say what shall be done")
        if not self.tasks and self.max_agents < MIN_AGENTS_OF_TASK:
            raise ValueError(
                f"--max-agents {self.max_agents}: a TASK needs at least {MIN_AGENTS_OF_TASK}, the "
                "splitter and two workers"
            )
        if len(self.tasks) > self.max_agents:
            raise ValueError(
                f"--task: {len(self.tasks)} parts are more than --max-agents {self.max_agents}"
            )
        if len("".join(self.tasks).encode()) > MAX_TASKS_BYTES:
            raise ValueError(f"--task: all parts together may have {MAX_TASKS_BYTES} bytes")
        return self

    @property
    def asks(self) -> bool:
        """Whether a person is needed: for the parts, for what is left open, for the result."""
        return self.asks_first or self.ask or self.asks_last

    @property
    def asks_first(self) -> bool:
        """Whether the parts that a splitter makes need a person's word."""
        return not self.yes and not self.tasks

    @property
    def asks_last(self) -> bool:
        """Whether the result needs a person's word."""
        return self.approve or bool(self.deliver)

    @property
    def subject(self) -> str:
        """The task, or what its parts begin with."""
        return self.task or f"{len(self.tasks)} parts: " + "; ".join(map(first_line, self.tasks))

    @property
    def details(self) -> str:
        """The task, or a list of its parts."""
        return self.task or "\n".join(f"{n}. {task}" for n, task in enumerate(self.tasks, 1))

    def cast(self) -> tuple[tuple[Role, str], ...]:
        """Worker and resolver, and a splitter where there is something to split."""
        split = () if self.tasks else ((SPLITTER, self.splitter),)
        return (*split, (WORKER, self.worker), (RESOLVER, self.resolver))

    def headcount(self) -> dict[str, tuple[int, int]]:
        """A worker for each part, and a resolver for each one at most."""
        if self.tasks:
            count = len(self.tasks)
            return {"worker": (count, count), "resolver": (0, count)}
        most = self.max_agents - 1
        return {"splitter": (1, 1), "worker": (2, most), "resolver": (0, most)}


@workflow.defn(name="fan-out")
class FanOut:
    """Parts are done at once, each in a workspace of its own, and integrated one by one."""

    @workflow.init
    def __init__(self, spec: FanOutInput) -> None:
        self._spec = spec
        self._run = Run(spec)

    @workflow.run
    async def run(self, _: FanOutInput) -> RunResult:
        """Conduct the run to its result."""
        return await self._run.conduct(self._stages)

    async def _stages(self) -> Ending:
        spec, run = self._spec, self._run
        deliveries = Deliveries(run, spec.targets)
        await deliveries.plan()
        await run.check("before")
        parts = Parts(run, await self._parts(), spec.task)

        run.phase(RunStatus.WORKING)
        built = await parts.build()

        run.phase(RunStatus.INTEGRATING)
        await Integration(run).merge_all(built)
        ending = await self._ending()
        if not spec.asks_last:
            return ending
        return await Acceptance(run, deliveries, self._look).conclude(ending)

    async def _look(self, _: str) -> Ending:
        return await self._ending()

    async def _parts(self) -> list[SplitPart]:
        spec, run = self._spec, self._run
        if spec.tasks:
            return [SplitPart(title=first_line(t), task=t, files=[]) for t in spec.tasks]
        run.phase(RunStatus.SPLITTING)
        most = spec.max_agents - run.ledger.agents - 1
        task = briefs.split_task(spec.task, most)
        split = Split.model_validate((await run.ask(SPLITTER, task, name="splitter")).report)
        if len(split.parts) > most:
            raise Stop(RunStatus.FAILED, f"{len(split.parts)} parts are more than {most} agents")
        if spec.asks_first:
            cost = estimate(run.agent(WORKER)) * len(split.parts)
            text = split_text(split, cost, run.free)
            await run.go_ahead(Question(id="parts", text=text))
        return split.parts

    async def _ending(self) -> Ending:
        """The engine's word: which parts are in, and whether the check passes on them all."""
        run = self._run
        lines = run.ledger.parts.values()
        inside = [line for line in lines if line.state.is_in]
        summary = f"{len(inside)} of {len(lines)} parts are in"
        # Where nothing got in, the last check after it was of a merge that was undone, and the one
        # before still counts.
        run.ledger.check_after, check = None, run.ledger.check_before
        if run.main.changed:
            check = await run.check("after", guard_tests=True)
        finding = briefs.check_finding(check, allow_test_changes=self._spec.allow_test_changes)
        if finding is not None:
            return Ending.of(RunStatus.NOT_APPROVED, f"{summary}; the check fails", [finding], 1)
        if not inside:
            return Ending.of(RunStatus.NOT_APPROVED, summary, [], 1)
        complete = len(inside) == len(lines)
        return Ending.of(RunStatus.APPROVED if complete else RunStatus.PARTLY, summary, [], 1)


def first_line(task: str) -> str:
    """What a part is called that was given as a task alone."""
    line = task.strip().splitlines()[0].rstrip(".")
    return line if len(line) <= 72 else line[:71] + "…"
