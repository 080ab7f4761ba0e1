"""Activities that a test scripts, under the real workflows on a real server.

Each branch of the workflows' logic can be reached like this. What the real activities do is tested
beside them and end to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Interceptor, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from cadre.domain import workspaces as ws
from cadre.domain.agents import Agent
from cadre.domain.asking import Notice
from cadre.domain.budget import Spent
from cadre.domain.decisions import CheckDecision, CheckedDecision
from cadre.domain.delegation import Delegated, Delegation, Refused, Wanted
from cadre.domain.integration import (
    BranchOrder,
    BranchStep,
    Conflict,
    ConflictKind,
    FindMarkers,
    Markers,
    MergeBranches,
    Merged,
    OrderBranches,
)
from cadre.domain.runs import PreparedRun, PrepareRun, RecordAgent, RecordRun
from cadre.domain.settling import SettleAgent, Settled
from cadre.domain.turns import (
    ModelAnswer,
    ModelCall,
    Outcome,
    Reported,
    SettleTurn,
    ToolCall,
    ToolResult,
    ToolsWanted,
    ToolUse,
)
from cadre.domain.usage import Model, Price, Rates, Usage
from workflows.registry import workflows

RATES = Rates(
    input=Decimal(1),
    output=Decimal(5),
    cache_read=Decimal("0.1"),
    cache_write_5m=Decimal("1.25"),
    cache_write_1h=Decimal(2),
)
MODEL = Model(
    id="claude-test", context_window=100_000, max_output_tokens=8_000, price=Price(base=RATES)
)
WORKSPACE = ws.Workspace(run="r", name="main", base="b" * 40, snapshot="tree0")


def uses(*names: str, read_only: bool = True) -> ToolsWanted:
    return ToolsWanted(
        uses=tuple(
            ToolUse(id=f"toolu_{i}_{name}", name=name, title=name, read_only=read_only)
            for i, name in enumerate(names)
        )
    )


def report(**fields: Any) -> Reported:
    return Reported(key="runs/r/report.json", report=fields)


def nobody(call: ToolCall) -> Refused:
    result = ToolResult(
        use_id=call.use.id, is_error=True, invalid=True, preview="nobody to ask",
        snapshot=call.snapshot, seconds=0.0,
    )  # fmt: skip
    return Refused(result=result)


def clean(request: MergeBranches) -> Merged:
    return Merged(snapshot=f"{request.ours}+{request.theirs}")


def conflict(request: MergeBranches, path: str = "a.py") -> Merged:
    open_there = Conflict(path=path, kind=ConflictKind.CONTENT)
    return Merged(
        snapshot=f"{request.ours}?{request.theirs}", conflicts=(open_there,), conflict_count=1
    )


@dataclass
class Script:
    """What the activities answer, and what they were asked."""

    answer: Callable[[ModelCall], Outcome]
    tool: Callable[[ToolCall], dict[str, Any]] = field(default=lambda call: {})
    check: Callable[[ws.RunCheck], int] = field(default=lambda request: 0)
    merged: Callable[[MergeBranches], Merged] = field(default=clean)
    markers: Callable[[FindMarkers], tuple[str, ...]] = field(default=lambda request: ())
    order_key: Callable[[str], Any] = field(default=lambda name: name)
    task: Callable[[ToolCall], Wanted | Refused] = field(default=nobody)
    answered: list[Delegated] = field(default_factory=list)
    cost: Decimal = Decimal("0.01")
    model_calls: list[ModelCall] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    merges: list[MergeBranches] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    commits: list[ws.CommitChange] = field(default_factory=list)
    delivered: list[ws.Deliver] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    settled: list[SettleTurn] = field(default_factory=list)
    lost: Spent = field(default_factory=Spent)
    settled_agents: list[SettleAgent] = field(default_factory=list)
    used: Settled | None = None
    closed: int = 0
    notices: list[Notice] = field(default_factory=list)
    problem: Callable[[CheckDecision], str] = field(default=lambda request: "")
    hold: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    interceptors: Sequence[Interceptor] = ()
    workflows: Sequence[type] = ()

    @activity.defn(name="model.call")
    async def model_call(self, call: ModelCall) -> ModelAnswer:
        self.model_calls.append(call)
        return ModelAnswer(
            outcome=self.answer(call),
            usage=Usage(input_tokens=100, output_tokens=10),
            cost_usd=self.cost,
        )

    @activity.defn(name="model.settle")
    async def settle(self, turn: SettleTurn) -> Spent:
        self.settled.append(turn)
        return self.lost

    @activity.defn(name="agent.settle")
    async def settle_agent(self, request: SettleAgent) -> Settled:
        self.settled_agents.append(request)
        if self.used is None:
            raise ApplicationError("the store is gone", non_retryable=True)
        return self.used

    @activity.defn(name="tool.run")
    async def tool_run(self, call: ToolCall) -> ToolResult:
        self.tool_calls.append(call)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.entered.set()
        try:
            if self.hold is not None:
                while not self.hold.is_set():
                    activity.heartbeat()
                    await asyncio.wait({asyncio.ensure_future(self.hold.wait())}, timeout=0.1)
        finally:
            self.running -= 1
        values = {
            "use_id": call.use.id,
            "is_error": False,
            "preview": "",
            "snapshot": f"{call.snapshot}+{call.use.name}",
            "seconds": 0.0,
        }
        return ToolResult(**(values | self.tool(call)))

    @activity.defn(name="task.read")
    async def read_task(self, call: ToolCall) -> Delegation:
        self.tool_calls.append(call)
        return Delegation(outcome=self.task(call))

    @activity.defn(name="task.answer")
    async def answer_task(self, delegated: Delegated) -> ToolResult:
        self.answered.append(delegated)
        ended = delegated.ended
        return ToolResult(
            use_id=delegated.call.use.id,
            is_error=ended.report is None,
            preview=delegated.words,
            snapshot=ended.snapshot,
            seconds=0.0,
        )

    @activity.defn(name="run.prepare")
    async def prepare(self, request: PrepareRun) -> PreparedRun:
        return PreparedRun(
            agents={
                role.name: Agent(
                    name=name,
                    role=role,
                    definition_key="k",
                    sha256="0" * 64,
                    source="built-in",
                    tools=("Read", "Bash"),
                    model=MODEL,
                )
                for role, name in request.roles
            }
        )

    @activity.defn(name="workspace.open")
    async def open(self, request: ws.OpenWorkspace) -> ws.OpenedWorkspace:
        told = {"run": request.run, "name": request.name}
        workspace = WORKSPACE.model_copy(update=told)
        return ws.OpenedWorkspace(workspace=workspace, sandbox="bubblewrap")

    @activity.defn(name="workspace.check")
    async def run_check(self, request: ws.RunCheck) -> ws.CheckResult:
        code = self.check(request)
        outcome = ws.CommandOutcome(
            command=request.command, exit_code=code, seconds=0, tail="the output"
        )
        return ws.CheckResult(as_is=outcome)

    @activity.defn(name="workspace.describe")
    async def describe(self, request: ws.DescribeChange) -> ws.Change:
        return ws.Change(stat=ws.DiffStat(files=1), diff_key="d")

    @activity.defn(name="workspace.commit")
    async def commit(self, request: ws.CommitChange) -> str:
        self.commits.append(request)
        return f"commit{len(self.commits)}"

    @activity.defn(name="workspace.order")
    async def order(self, request: OrderBranches) -> BranchOrder:
        names = sorted((b.name for b in request.branches), key=self.order_key)
        return BranchOrder(steps=tuple(BranchStep(name=n, overlaps=0, files=1) for n in names))

    @activity.defn(name="workspace.merge")
    async def merge(self, request: MergeBranches) -> Merged:
        self.merges.append(request)
        return self.merged(request)

    @activity.defn(name="workspace.find_markers")
    async def find_markers(self, request: FindMarkers) -> Markers:
        return Markers(paths=self.markers(request))

    @activity.defn(name="workspace.deliver")
    async def deliver(self, request: ws.Deliver) -> ws.Delivery:
        self.delivered.append(request)
        return ws.Delivery(branch=request.branch, commit=request.commit, stat=ws.DiffStat())

    @activity.defn(name="workspace.close")
    async def close(self, run: str) -> None:
        self.closed += 1

    @activity.defn(name="decision.check")
    async def check_decision(self, request: CheckDecision) -> CheckedDecision:
        return CheckedDecision(problem=self.problem(request))

    @activity.defn(name="decision.notify")
    async def notify(self, notice: Notice) -> None:
        self.notices.append(notice)

    @activity.defn(name="record.agent")
    async def record_agent(self, request: RecordAgent) -> None:
        self.records.append(request.agent_id)

    @activity.defn(name="record.run")
    async def record_run(self, request: RecordRun) -> None:
        self.records.append("run")

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        return [
            self.model_call,
            self.settle,
            self.settle_agent,
            self.tool_run,
            self.read_task,
            self.answer_task,
            self.prepare,
            self.open,
            self.run_check,
            self.describe,
            self.commit,
            self.order,
            self.merge,
            self.find_markers,
            self.deliver,
            self.close,
            self.check_decision,
            self.notify,
            self.record_agent,
            self.record_run,
        ]

    @asynccontextmanager
    async def worker(self, client: Client, task_queue: str) -> AsyncIterator[None]:
        """The real workflows on these activities."""
        restrictions = SandboxRestrictions.default.with_passthrough_modules(
            "cadre.domain", "pydantic", "pydantic_core"
        )
        async with Worker(
            client,
            task_queue=task_queue,
            workflows=[*workflows(), *self.workflows],
            activities=self.activities,
            workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
            # A fault in a workflow ends its test instead of being tried again for ever.
            workflow_failure_exception_types=[Exception],
            interceptors=self.interceptors,
            # That an activity is cancelled is heard in answer to a heartbeat.
            max_heartbeat_throttle_interval=timedelta(milliseconds=200),
        ):
            yield
