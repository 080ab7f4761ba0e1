"""An agent's sub-agents: child workflows within its own limits."""

from __future__ import annotations

from collections import Counter

from temporalio.exceptions import ChildWorkflowError

from cadre.domain.agents import Agent, as_helper_of
from cadre.domain.budget import Bound, Limits, left
from cadre.domain.delegation import Delegated, Refused
from cadre.domain.ledger import Promise, Shares
from cadre.domain.outcomes import AgentResult
from cadre.domain.progress import Progress
from cadre.domain.runs import AgentSpec, RecordAgent
from cadre.domain.turns import ToolCall, ToolResult
from workflows import gateway
from workflows.ends import not_started, unless_cancelled, without_result


class Helpers:
    """Runs the sub-agents that one agent asks for; its `progress` has their books."""

    def __init__(self, spec: AgentSpec, progress: Progress) -> None:
        self._spec = spec
        self._progress = progress
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
        agent = as_helper_of(self._spec.agent, asked.agent)
        promise = self._promise(shares)
        ended = await self._run(agent, asked.task, call.snapshot, promise, seconds_left)
        return await gateway.answer_task(Delegated(call=call, ended=ended))

    def _promise(self, shares: Shares) -> Promise:
        """What the sub-agent may use. The asker keeps a share, to go on with what it learns."""
        limits, books = self._spec.limits, self._progress.helpers
        room = limits.max_agents - books.agents - 1
        agents = shares.agents(room) if limits.max_depth > 1 else 0
        free = books.free(left(limits, self._progress.spent))
        return Promise(shares.next(free), agents)

    async def _run(
        self, agent: Agent, task: str, snapshot: str, promise: Promise, seconds_left: float
    ) -> AgentResult:
        asker, limits, books = self._spec, self._spec.limits, self._progress.helpers
        self._numbers[agent.name] += 1
        agent_id = f"{asker.agent_id}/{agent.name}.{self._numbers[agent.name]}"
        if limits.max_depth < 1 or books.agents >= limits.max_agents:
            return not_started(agent_id, snapshot, Bound.AGENTS)
        if bound := promise.allowance.bound:
            return not_started(agent_id, snapshot, bound)
        spec = AgentSpec(
            run=asker.run,
            agent_id=agent_id,
            agent=agent,
            task=task,
            conventions=asker.conventions,
            workspace=asker.workspace,
            snapshot=snapshot,
            policy=asker.policy,
            limits=Limits(
                max_turns=min(limits.max_turns, agent.max_turns or limits.max_turns),
                max_tokens=promise.allowance.tokens,
                max_cost_usd=promise.allowance.cost_usd,
                max_active_seconds=max(1.0, seconds_left),
                max_agents=promise.agents,
                max_depth=limits.max_depth - 1,
            ),
        )
        books.began(agent_id, promise)
        try:
            result = await gateway.run_agent(spec)
        except ChildWorkflowError as failure:
            result = without_result(spec, failure)
        books.ended(result, agent)
        await gateway.record_agent(RecordAgent(run=spec.run, agent_id=agent_id))
        return result
