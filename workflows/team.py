"""A run's agents: each within the run's budget and headcount, each in its books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from cadre.domain.agents import Agent, Role
from cadre.domain.budget import Allowance, Bound, Limits
from cadre.domain.ledger import Ledger, Promise, Shares
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.runs import AgentSpec, PreparedRun, RecordAgent, RunInput
from cadre.domain.turns import ContextItem
from workflows import gateway
from workflows.branch import Branch
from workflows.children import Children
from workflows.ends import not_started, unless_cancelled


class Team:
    """Runs agents on branches; `changed` is called when one starts or ends. `budget` is what all of
    them together may use."""

    def __init__(
        self, spec: RunInput, prepared: PreparedRun, ledger: Ledger, changed: Callable[[], None]
    ) -> None:
        self._spec = spec
        self._prepared = prepared
        self._ledger = ledger
        self._changed = changed
        self._numbers: Counter[str] = Counter()
        self._specs: dict[str, AgentSpec] = {}
        self._waiting: dict[str, Callable[[Shares], Awaitable[AgentResult]]] = {}
        self.budget = Allowance(cost_usd=spec.max_cost_usd, tokens=spec.max_tokens)
        self._names: set[str] = set()
        self._children = Children()

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
        name = self._unused(name or f"{role.name}.{self._numbers[role.name]}")
        begin = partial(
            self._begin, name=name, branch=branch, role=role, task=task, context=context
        )
        self._waiting[name] = begin
        return await begin(shares or Shares())

    async def _begin(
        self,
        shares: Shares,
        *,
        name: str,
        branch: Branch,
        role: Role,
        task: str,
        context: Sequence[ContextItem],
    ) -> AgentResult:
        unless_cancelled()
        agent = self._prepared.agents[role.name]
        room = self._spec.max_agents - self._ledger.agents - 1
        helpers = shares.agents(room) if agent.helpers else 0
        promise = Promise(shares.next(self._ledger.free(self.budget)), helpers)
        if room < 0:
            return not_started(name, branch.snapshot, Bound.AGENTS)
        if bound := promise.allowance.bound:
            return not_started(name, branch.snapshot, bound)
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
            policy=self._spec.policy,
        )
        return await self._run(branch, spec, promise)

    async def go_on(self, branch: Branch, before: AgentResult, shares: Shares) -> AgentResult:
        """An agent that ran out of its share goes on where it stopped, with one more share; one for
        which there was none begins."""
        if (begin := self._waiting.get(before.agent_id)) is not None:
            return await begin(shares)
        unless_cancelled()
        free = shares.next(self._ledger.free(self.budget))
        if free.bound:
            return before
        spec, total = self._specs[before.agent_id], before.total
        limits = spec.limits.model_copy(
            update={
                "max_cost_usd": total.cost_usd + free.cost_usd,
                "max_tokens": total.tokens + free.tokens,
                "max_agents": len(before.helpers),
            }
        )
        again = {"limits": limits, "before": before, "snapshot": branch.snapshot}
        return await self._run(branch, spec.model_copy(update=again), Promise(free))

    async def _run(self, branch: Branch, spec: AgentSpec, promise: Promise) -> AgentResult:
        name, self._specs[spec.agent_id] = spec.agent_id, spec
        self._waiting.pop(name, None)
        self._ledger.began(name, promise)
        self._changed()
        result = await self._children.run(spec)
        self._ledger.ended(result, spec.agent)
        if spec.agent.role.writes:
            branch.snapshot, branch.writer = result.snapshot, name
        self._changed()
        if result.state is not AgentState.NOT_STARTED:
            await gateway.record_agent(RecordAgent(run=spec.run, agent_id=name))
        return result

    def _unused(self, name: str) -> str:
        """The name, or one like it: an agent's answers are kept under its name."""
        names = (name, *(f"{name}.{n}" for n in range(2, len(self._names) + 2)))
        found = next(each for each in names if each not in self._names)
        self._names.add(found)
        return found

    def _limits(self, agent: Agent, promise: Promise) -> Limits:
        spec = self._spec
        return Limits(
            max_turns=min(spec.max_turns, agent.max_turns or spec.max_turns),
            max_cost_usd=promise.allowance.cost_usd,
            max_tokens=promise.allowance.tokens,
            max_active_seconds=spec.max_minutes * 60,
            max_agents=promise.agents,
            max_depth=spec.max_depth - 1,
        )
