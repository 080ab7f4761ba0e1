"""Agents that are closed and settled while attempts of theirs come and go: the real activity."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore
from temporalio.testing import ActivityEnvironment

from activities.attempts import AttemptLog, spent
from activities.settling import AgentSettling
from activities.transcripts import Conversation, Transcripts
from cadre.domain.agents import Agent, Role
from cadre.domain.budget import Allowance, Bound, Reservation, Spent
from cadre.domain.errors import CadreError
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.settling import SettleAgent, Settled
from cadre.domain.turns import ModelCall
from cadre.domain.usage import Usage
from cadre.llm.attempts import Attempt, State
from cadre.llm.segment import Segment
from cadre.storage import keys
from cadre.storage.objects import Objects
from tests.workflows.scripted import MODEL

AGENT = Agent(
    name="scout", role=Role(name="helper", report="Answer"), definition_key="k", sha256="1" * 64,
    source="built-in", tools=(), model=MODEL,
)  # fmt: skip
WORST = Reservation(prompt_tokens=900, max_tokens=100, cost_usd=Decimal("0.5"))
USAGE = Usage(input_tokens=60, output_tokens=4)
COST = Decimal("0.02")
LEAD, SCOUT, DEEP = "lead", "lead/scout.1", "lead/scout.1/scout.1"
LOST = Spent(cost_usd=Decimal("0.5"), lost_usd=Decimal("0.5"), lost_tokens=1000, lost_attempts=1)
ANSWERED = Spent(usage=USAGE, cost_usd=COST)


class Turning(Objects):
    """Lets others go on around each access, as often as `pauses` says."""

    def __init__(self, pauses: list[int]) -> None:
        super().__init__(MemoryStore())
        self._pauses = pauses

    async def put(self, key: str, data: bytes | str) -> None:
        await self._pause()
        await super().put(key, data)
        await self._pause()

    async def put_new(self, key: str, data: bytes | str) -> bool:
        await self._pause()
        stored = await super().put_new(key, data)
        await self._pause()
        return stored

    async def get(self, key: str) -> bytes | None:
        await self._pause()
        found = await super().get(key)
        await self._pause()
        return found

    async def _pause(self) -> None:
        for _ in range(self._pauses.pop() if self._pauses else 0):
            await asyncio.sleep(0)


@dataclass
class Tree:
    """A lead, its scout, and the scout's scout, at their calls."""

    objects: Objects

    def __post_init__(self) -> None:
        self.log = AttemptLog(self.objects)

    def call(self, agent_id: str, turn: int) -> ModelCall:
        allowance = Allowance(cost_usd=Decimal(100), tokens=10**6)
        return ModelCall(run="r", agent_id=agent_id, turn=turn, agent=AGENT, allowance=allowance)

    async def begin(self, agent_id: str, turn: int = 1) -> Attempt | None:
        """An attempt that goes out; None where it may not."""
        call = self.call(agent_id, turn)
        while True:
            attempts = (await self.log.read(call)).begin(WORST)
            try:
                if await self.log.begin(call, attempts):
                    return attempts.attempts[-1]
            except CadreError:
                return None

    async def answer(self, agent_id: str, turn: int, attempt: Attempt) -> None:
        segment = Segment(
            user=None, assistant=[{"type": "text", "text": "."}], stop_reason="end_turn",
            usage=USAGE, cost_usd=COST, attempt=attempt.number, model="m",
        )  # fmt: skip
        transcripts = Transcripts(self.objects)
        await transcripts.store("r", agent_id, Conversation(turns=turn - 1), segment)

    async def settle(self, agent_id: str = LEAD) -> Settled:
        settling = AgentSettling(self.objects, Transcripts(self.objects))
        request = SettleAgent(run="r", agent_id=agent_id)
        settled: Settled = await ActivityEnvironment().run(settling.settle, request)
        return settled


@pytest.fixture
async def tree() -> Tree:
    objects = Objects(MemoryStore())
    await objects.put_json(keys.helper("r", "scout"), AGENT.model_dump(mode="json"))
    return Tree(objects)


async def test_it_is_charged_with_its_calls_and_those_below_it(tree: Tree) -> None:
    for agent_id, turns in ((LEAD, 2), (SCOUT, 1), (DEEP, 0)):
        for turn in range(1, turns + 2):
            attempt = await tree.begin(agent_id, turn)
            assert attempt is not None
            if turn <= turns:
                await tree.answer(agent_id, turn, attempt)
    settled = await tree.settle()
    assert settled.turns == 2
    assert settled.spent == ANSWERED + ANSWERED + LOST, "the last may have been billed"
    scout, deep = settled.helpers
    assert (scout.agent_id, scout.turns, scout.spent) == (SCOUT, 1, ANSWERED + LOST)
    assert (deep.agent_id, deep.turns, deep.spent) == (DEEP, 0, LOST)
    assert {line.state for line in settled.helpers} == {AgentState.CANCELLED}
    assert scout.model == MODEL.id
    assert await tree.settle() == settled, "once more tells the same"


@pytest.mark.parametrize("agent_id", [LEAD, SCOUT, DEEP])
async def test_nothing_of_it_begins_any_more(tree: Tree, agent_id: str) -> None:
    """Neither a turn that has begun, nor one that has not."""
    await tree.begin(agent_id, 1)
    before = await tree.settle()
    assert await tree.begin(agent_id, 1) is None
    assert await tree.begin(agent_id, 2) is None
    after = await tree.settle()
    assert (after.spent, after.helpers) == (before.spent, before.helpers)


async def test_only_it_and_those_below_it_are_closed(tree: Tree) -> None:
    await tree.settle(SCOUT)
    assert await tree.begin(DEEP) is None
    assert await tree.begin(LEAD) is not None
    assert await tree.begin("lead/scout.10") is not None


async def test_a_refused_attempt_costs_nothing_here_either(tree: Tree) -> None:
    attempt = await tree.begin(LEAD)
    assert attempt is not None
    await tree.log.write(tree.call(LEAD, 1), attempt.ended(State.REFUSED))
    assert (await tree.settle()).spent == Spent()


async def test_one_below_that_had_ended_keeps_its_end(tree: Tree) -> None:
    attempt = await tree.begin(SCOUT)
    assert attempt is not None
    await tree.answer(SCOUT, 1, attempt)
    ended = AgentResult(
        agent_id=SCOUT, state=AgentState.BOUND, bound=Bound.COST, why="why", snapshot="s", turns=1,
        spent=ANSWERED,
    )  # fmt: skip
    await tree.objects.put_json(keys.ended("r", SCOUT), ended.model_dump(mode="json"))
    [line] = (await tree.settle()).helpers
    assert (line.state, line.why, line.spent) == (AgentState.BOUND, "why", ANSWERED)


@settings(max_examples=200, deadline=None)
@given(
    pauses=st.lists(st.integers(0, 6), max_size=120),
    agents=st.lists(st.sampled_from([LEAD, SCOUT, DEEP]), min_size=1, max_size=6),
    late=st.integers(0, 30),
)
def test_what_goes_out_is_charged_whatever_the_order(
    pauses: list[int], agents: list[str], late: int
) -> None:
    """Attempts at once, and in the middle of them somebody settles."""

    async def play() -> None:
        objects = Turning(pauses)
        tree = Tree(objects)
        await objects.put_json(keys.helper("r", "scout"), AGENT.model_dump(mode="json"))

        async def settle() -> Settled:
            for _ in range(late):
                await asyncio.sleep(0)
            return await tree.settle()

        settling = asyncio.create_task(settle())
        begun = await asyncio.gather(*map(tree.begin, agents))
        settled = await settling
        total = sum((line.spent for line in settled.helpers), settled.spent)
        out = [attempt for attempt in begun if attempt is not None]
        assert total.lost_attempts >= len(out)
        assert total.cost_usd >= len(out) * WORST.cost_usd
        calls = [await tree.log.read(tree.call(agent_id, 1)) for agent_id in set(agents)]
        charged = sum(spent(attempts, None).lost_attempts for attempts in calls)
        assert charged == len(out), "one that may not go out costs nothing in the end"

    asyncio.run(play())
