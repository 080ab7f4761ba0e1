"""An agent's sub-agents: child workflows within its own limits."""

from __future__ import annotations

from collections import Counter

from cadre.domain.agents import Agent, as_helper_of
from cadre.domain.budget import Bound, Limits, Spent, left
from cadre.domain.delegation import Delegated, Refused, Wanted, is_last
from cadre.domain.ledger import Promise, Shares
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.progress import Progress
from cadre.domain.runs import AgentSpec, RecordAgent
from cadre.domain.turns import ToolCall, ToolResult
from workflows import gateway
from workflows.children import Children
from workflows.ends import not_started, superseded, unless_cancelled


class Helpers:
    """Runs the sub-agents that one agent asks for; its `progress` has their books."""

    def __init__(self, spec: AgentSpec, progress: Progress) -> None:
        self._spec = spec
        self._progress = progress
        self._children = Children(tell_run=True)
        own = f"{spec.agent_id}/"
        known = (line.agent_id.removeprefix(own) for line in progress.helpers.lines)
        self._numbers = Counter(name.rpartition(".")[0] for name in known if "/" not in name)

    async def run(self, call: ToolCall, shares: Shares, seconds_left: float) -> ToolResult:
        """A call of the tool Task, to its result."""
        asked = (await gateway.read_task(call)).outcome
        if isinstance(asked, Refused):
            if asked.result.asks is None:
                shares.waive()
            return asked.result
        unless_cancelled()
        ended = await self._delegate(asked, call.snapshot, shares, seconds_left)
        return await gateway.answer_task(Delegated(call=call, ended=ended))

    async def _delegate(
        self, asked: Wanted, snapshot: str, shares: Shares, seconds_left: float
    ) -> AgentResult:
        """Have a new agent begin, or one that had ended go on."""
        limits, books, before = self._spec.limits, self._progress.helpers, asked.before
        agent = as_helper_of(self._spec.agent, asked.agent)
        if before is not None and (
            before.agent_id in books.working or not is_last(before, books.lines)
        ):
            shares.waive()
            return superseded(before.agent_id, snapshot)
        promise = self._promise(shares, before)
        agent_id = before.agent_id if before else self._name(agent)
        full = limits.max_depth < 1 or books.agents >= limits.max_agents
        if full and before is None:
            return not_started(agent_id, snapshot, Bound.AGENTS)
        if bound := promise.allowance.bound:
            return not_started(agent_id, snapshot, bound)
        bounds = self._limits(agent, promise, before, seconds_left)
        return await self._run(self._spec_of(agent_id, agent, asked, snapshot, bounds), promise)

    def _name(self, agent: Agent) -> str:
        self._numbers[agent.name] += 1
        return f"{self._spec.agent_id}/{agent.name}.{self._numbers[agent.name]}"

    def _promise(self, shares: Shares, before: AgentResult | None) -> Promise:
        """What the sub-agent may use besides what it has used. The asker keeps a share, to go on
        with what it learns. One that goes on may have those go on that it had itself."""
        limits, books = self._spec.limits, self._progress.helpers
        room = limits.max_agents - books.agents - 1
        agents = shares.agents(room) if limits.max_depth > 1 and before is None else 0
        free = books.free(left(limits, self._progress.spent))
        return Promise(shares.next(free), agents)

    def _limits(
        self, agent: Agent, promise: Promise, before: AgentResult | None, seconds_left: float
    ) -> Limits:
        limits, had = self._spec.limits, before.total if before else Spent()
        return Limits(
            max_turns=min(limits.max_turns, agent.max_turns or limits.max_turns),
            max_tokens=had.tokens + promise.allowance.tokens,
            max_cost_usd=had.cost_usd + promise.allowance.cost_usd,
            max_active_seconds=max(1.0, seconds_left) + (before.active_seconds if before else 0),
            max_agents=len(before.helpers) if before else promise.agents,
            max_depth=limits.max_depth - 1,
        )

    def _spec_of(
        self, agent_id: str, agent: Agent, asked: Wanted, snapshot: str, limits: Limits
    ) -> AgentSpec:
        asker = self._spec
        return AgentSpec(
            run=asker.run,
            agent_id=agent_id,
            agent=agent,
            task=asked.task,
            conventions=asker.conventions,
            workspace=asker.workspace,
            snapshot=snapshot,
            policy=asker.policy,
            limits=limits,
            before=asked.before,
        )

    async def _run(self, spec: AgentSpec, promise: Promise) -> AgentResult:
        books = self._progress.helpers
        books.began(spec.agent_id, promise)
        result = await self._children.run(spec)
        books.ended(result, spec.agent)
        if result.state is not AgentState.NOT_STARTED:
            await gateway.record_agent(RecordAgent(run=spec.run, agent_id=spec.agent_id))
        return result
