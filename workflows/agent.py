"""The agent: model call, tool calls, model call …, until it reports or meets a bound.

opening ─▶ think ─▶ tools wanted ─▶ run them ─▶ think …
             ├────▶ report          = done
             ├────▶ bad report, cut off, invalid input = say so, at most three in a row
             └────▶ refused, window full, out of budget = done, with what there is
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from cadre.domain.agents import TASK
from cadre.domain.asking import tool_question
from cadre.domain.budget import Bound, Spent, history_bound
from cadre.domain.ledger import Shares
from cadre.domain.outcomes import AgentResult, AgentState, Unsaid
from cadre.domain.progress import CUT_OFF, GOING_ON, LAST_TURN, Progress
from cadre.domain.runs import AgentSpec
from cadre.domain.turns import (
    BadReport,
    Declined,
    Interrupted,
    ModelAnswer,
    ModelCall,
    Opening,
    OutOfBudget,
    Reported,
    SettleTurn,
    ToolCall,
    ToolResult,
    ToolsWanted,
    ToolUse,
)
from workflows import gateway
from workflows.bounded import together
from workflows.decisions import Decisions
from workflows.display import AgentDisplay
from workflows.ends import cancelled, unless_cancelled
from workflows.helpers import Helpers


@workflow.defn(name="agent")
class AgentWorkflow:
    """Runs one agent to its report; meeting a bound is a result that keeps what was done."""

    @workflow.init
    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec
        self._progress = Progress.after(spec.before, spec.limits, spec.snapshot)
        self._unsaid = Unsaid()
        self._helpers = Helpers(spec, self._progress)
        self._display = AgentDisplay(spec, self._progress)
        self._decisions = Decisions(spec.policy, self._display.waits)
        self._started = self._called = workflow.now()

    @workflow.run
    async def run(self, _: AgentSpec) -> AgentResult:
        """Work until there is a report, or a reason why there is none."""
        result = await self._to_its_end()
        await self._display.told()
        await self._decisions.answered()
        return result

    async def _to_its_end(self) -> AgentResult:
        try:
            return await self._work()
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                return self._end(AgentState.CANCELLED, why="cancelled")
            return self._end(AgentState.FAILED, why=gateway.reason(failure))
        except asyncio.CancelledError:
            if not cancelled():
                raise  # evicted from the cache, not cancelled
            return self._end(AgentState.CANCELLED, why="cancelled")

    async def _work(self) -> AgentResult:
        results, remark, charged = self._begins_with()
        while (bound := self._bound_met()) is None:
            unless_cancelled()
            unsaid = Unsaid(results=results, remark=remark, charged=charged)
            answer = await self._think(unsaid)
            self._unsaid = unsaid.model_copy(update={"charged": answer.attempts})
            results, remark, charged = (), None, 0
            match answer.outcome:
                case ToolsWanted(uses=uses):
                    results = tuple(r.use_id for r in await self._run_tools(uses))
                case Reported(report=report, key=key):
                    return self._end(AgentState.REPORTED, report=report, report_key=key)
                case BadReport(reason=why):
                    self._progress.strike(why)
                    remark = f"That is not your report: {why}. Answer with the report alone."
                case Interrupted(why="max_tokens"):
                    self._progress.strike("its answers are longer than the model may write")
                    remark = CUT_OFF
                case Interrupted():
                    pass  # the service paused a long turn: the next call goes on with it
                case Declined(why="refusal", detail=detail):
                    return self._end(AgentState.REFUSED, why=detail or "the model refused")
                case Declined(detail=detail):
                    return self._end(AgentState.CONTEXT_FULL, why=detail)
                case OutOfBudget(bound=bound):
                    return self._end(AgentState.BOUND, bound=bound)
            if self._progress.out_of_patience:
                return self._end(AgentState.GAVE_UP, why=self._progress.last_strike)
        self._unsaid = Unsaid(results=results, remark=remark)
        return self._end(AgentState.BOUND, bound=bound)

    def _begins_with(self) -> tuple[tuple[str, ...], str | None, int]:
        """What the model is told first, something only where the agent goes on, and how many
        attempts at telling it are charged."""
        before = self._spec.before
        if before is None:
            return (), None, 0
        unsaid = before.unsaid
        words = [unsaid.remark, GOING_ON if before.turns and before.out_of_budget else None]
        return unsaid.results, "\n\n".join(filter(None, words)) or None, unsaid.charged

    async def _think(self, unsaid: Unsaid) -> ModelAnswer:
        spec, progress, remark = self._spec, self._progress, unsaid.remark
        if progress.on_last_turn:
            remark = f"{remark}\n\n{LAST_TURN}" if remark else LAST_TURN
        call = ModelCall(
            run=spec.run,
            agent_id=spec.agent_id,
            turn=progress.turns + 1,
            agent=spec.agent,
            opening=None if progress.turns else self._opening,
            results=unsaid.results,
            charged=unsaid.charged,
            remark=remark,
            allowance=progress.allowance,
        )
        asked = workflow.now()
        try:
            answer = await gateway.call_model(call)
        except ActivityError:
            await self._settle(call)
            raise
        progress.answered(answer)
        progress.worked(answer.seconds, _seconds_since(asked))
        self._display.turn()
        return answer

    @property
    def _opening(self) -> Opening:
        spec = self._spec
        conventions = (spec.conventions,) if spec.conventions else ()
        return Opening(task=spec.task, context=(*conventions, *spec.context))

    async def _settle(self, call: ModelCall) -> None:
        """Take what a call has cost that failed or was cancelled; its attempts may be billed."""
        turn = SettleTurn(
            run=call.run, agent_id=call.agent_id, turn=call.turn, charged=call.charged
        )
        try:
            self._progress.settled(await gateway.settle_turn(turn))
        except ActivityError as failure:  # how the call itself ended matters more
            workflow.logger.warning("the cost of a turn is not known: %s", gateway.reason(failure))
            most = call.allowance
            lost = Spent(lost_tokens=most.tokens, lost_usd=most.cost_usd, cost_usd=most.cost_usd)
            self._progress.settled(lost.model_copy(update={"lost_attempts": 1}))

    async def _run_tools(self, uses: Sequence[ToolUse]) -> Sequence[ToolResult]:
        """In parallel when all only read, else in order, each on what the one before it left."""
        self._called = workflow.now()
        shares = Shares(1 + sum(use.name == TASK for use in uses))  # one to go on with the answers
        if all(use.read_only for use in uses):
            results = await together(self._run_tool(use, shares) for use in uses)
        else:
            results = [await self._run_tool(use, shares) for use in uses]
        for result in results:
            self._progress.tool_ended(result)
        self._progress.worked(sum(r.seconds for r in results), _seconds_since(self._called))
        return results

    async def _run_tool(self, use: ToolUse, shares: Shares) -> ToolResult:
        unless_cancelled()
        spec = self._spec
        call = ToolCall(
            run=spec.run,
            agent_id=spec.agent_id,
            turn=self._progress.turns,
            use=use,
            tools=spec.agent.tools,
            permissions=spec.agent.permissions,
            writes=spec.agent.role.writes,
            workspace=spec.workspace,
            snapshot=self._progress.snapshot,
            may_ask=not spec.policy.no_ask,
        )
        result = await self._run_call(call, shares)
        if result.asks is not None:
            decided = await self._decisions.ask(tool_question(call, result.asks))
            call = call.model_copy(update={"decision": decided})
            result = await self._run_call(call, shares)
        if not use.read_only:
            self._progress.snapshot = result.snapshot
        return result

    async def _run_call(self, call: ToolCall, shares: Shares) -> ToolResult:
        if call.use.name == TASK:
            active = self._active_seconds() - _seconds_since(self._called)
            left = self._spec.limits.max_active_seconds - active  # this turn may have been idle
            return await self._helpers.run(call, shares, left)
        return await gateway.run_tool(call)

    def _bound_met(self) -> Bound | None:
        info = workflow.info()
        events, size = info.get_current_history_length(), info.get_current_history_size()
        return self._progress.bound_met(self._active_seconds()) or history_bound(events, size)

    def _active_seconds(self) -> float:
        return self._progress.active_seconds(_seconds_since(self._started))

    def _end(
        self,
        state: AgentState,
        *,
        report: dict[str, object] | None = None,
        report_key: str | None = None,
        bound: Bound | None = None,
        why: str = "",
    ) -> AgentResult:
        progress = self._progress
        self._display.ended(state)
        return AgentResult(
            agent_id=self._spec.agent_id,
            state=state,
            report=report,
            report_key=report_key,
            bound=bound,
            why=why or (f"its bound of {bound.value}" if bound else ""),
            said=progress.said,
            unsaid=self._unsaid if state is AgentState.BOUND else Unsaid(),
            snapshot=progress.snapshot,
            turns=progress.turns,
            spent=progress.spent,
            helpers=tuple(progress.helpers.lines),
            active_seconds=self._active_seconds(),
        )


def _seconds_since(earlier: datetime) -> float:
    return (workflow.now() - earlier).total_seconds()
