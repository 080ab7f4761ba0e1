"""A run's agents: each within the run's budget and headcount, each in its books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from temporalio.exceptions import ChildWorkflowError

from cadre.domain.agents import Agent, Role
from cadre.domain.budget import Bound, Limits
from cadre.domain.ledger import Ledger, Promise, Shares
from cadre.domain.runs import AgentResult, AgentSpec, PreparedRun, RecordAgent, RunInput
from cadre.domain.turns import ContextItem
from workflows import gateway
from workflows.branch import Branch
from workflows.ends import not_started, without_result


class Team:
    """Runs agents on branches; `changed` is called when one starts or ends."""

    def __init__(
        self, spec: RunInput, prepared: PreparedRun, ledger: Ledger, changed: Callable[[], None]
    ) -> None:
        self._spec = spec
        self._prepared = prepared
        self._ledger = ledger
        self._changed = changed
        self._numbers: Counter[str] = Counter()

    async def run(
        self,
        branch: Branch,
        role: Role,
        task: str,
        context: Sequence[ContextItem] = (),
        *,
        name: str = "",
        shares: Shares | None = None,
    ) -> AgentResult:
        """An agent from its start to its line in the books; whatever fails becomes its result.

        It may spend its share of what the budget has free: all of it, unless others share. An
        agent without a name is called by its role and a number.
        """
        self._numbers[role.name] += 1
        name = name or f"{role.name}.{self._numbers[role.name]}"
        shares, agent = shares or Shares(), self._prepared.agents[role.name]
        room = self._spec.max_agents - self._ledger.agents - 1
        helpers = shares.agents(room) if agent.helpers else 0
        promise = Promise(shares.next(self._ledger.free(self._spec.max_cost_usd)), helpers)
        if room < 0:
            return not_started(name, branch.snapshot, Bound.AGENTS)
        if promise.usd <= 0:
            return not_started(name, branch.snapshot, Bound.COST)
        spec = AgentSpec(
            run=self._spec.run,
            agent_id=name,
            agent=agent,
            task=task,
            conventions=self._prepared.conventions,
            context=tuple(context),
            workspace=branch.workspace,
            snapshot=branch.snapshot,
            limits=self._limits(agent, promise),
        )
        self._ledger.began(name, promise)
        self._changed()
        try:
            result = await gateway.run_agent(spec)
        except ChildWorkflowError as failure:
            result = without_result(spec, failure)
        self._ledger.ended(result, agent)
        if role.writes:
            branch.snapshot, branch.writer = result.snapshot, name
        self._changed()
        await gateway.record_agent(RecordAgent(run=spec.run, agent_id=name))
        return result

    def _limits(self, agent: Agent, promise: Promise) -> Limits:
        spec = self._spec
        return Limits(
            max_turns=min(spec.max_turns, agent.max_turns or spec.max_turns),
            max_cost_usd=promise.usd,
            max_active_seconds=spec.max_minutes * 60,
            max_agents=promise.agents,
            max_depth=spec.max_depth - 1,
        )
