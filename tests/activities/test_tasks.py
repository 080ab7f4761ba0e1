"""Calls of the tool Task that have a sub-agent go on: the real activities on a real store."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from obstore.store import MemoryStore
from temporalio.testing import ActivityEnvironment

from activities.calls import Calls
from activities.tasks import TaskActivities
from activities.transcripts import Conversation, Transcripts
from cadre.domain.agents import TASK, Agent, Role
from cadre.domain.budget import Bound, Spent
from cadre.domain.delegation import MAX_TASK_CHARS, Delegated, Refused, Wanted
from cadre.domain.outcomes import AgentResult, AgentState, Unsaid
from cadre.domain.turns import ToolCall, ToolUse
from cadre.domain.usage import Usage
from cadre.llm.segment import Segment
from cadre.storage import keys
from cadre.storage.objects import Objects
from tests.workflows.scripted import MODEL, WORKSPACE

SCOUT = "lead/scout.1"
RAN_OUT = AgentResult(
    agent_id=SCOUT, state=AgentState.BOUND, bound=Bound.COST, why="its bound of cost", said="hm",
    unsaid=Unsaid(results=("t1",), remark="Be brief.", charged=2), snapshot="tree1", turns=3,
    spent=Spent(cost_usd=Decimal("0.25")),
)  # fmt: skip
REPORTED = AgentResult(
    agent_id=SCOUT, state=AgentState.REPORTED, report={"answer": "42"}, snapshot="tree1", turns=3,
    spent=Spent(cost_usd=Decimal("0.25")),
)  # fmt: skip


class Tasks:
    """Plays an agent's calls of Task, each in a turn of its own."""

    def __init__(self) -> None:
        self.objects = Objects(MemoryStore())
        self._transcripts = Transcripts(self.objects)
        self._activities = TaskActivities(self.objects, Calls(self.objects, self._transcripts))
        self._turns = 0

    async def open(self) -> None:
        for name in ("scout", "worker"):
            role = Role(name="helper", report="Answer", writes=name == "worker")
            agent = Agent(
                name=name, role=role, definition_key="k", sha256="0" * 64, source="built-in",
                tools=("Read",), model=MODEL,
            )  # fmt: skip
            await self.objects.put_json(keys.helper("r", name), agent.model_dump(mode="json"))

    async def call(self, **given: Any) -> ToolCall:
        self._turns += 1
        wanted = {"description": "Look", "prompt": "Go on.", "subagent_type": "scout"} | given
        segment = Segment(
            user=None, stop_reason="tool_use", usage=Usage(), cost_usd=Decimal(0), attempt=1,
            assistant=[{"type": "tool_use", "id": "u", "name": TASK, "input": wanted}], model="m",
        )  # fmt: skip
        before = Conversation(turns=self._turns - 1)
        await self._transcripts.store("r", "lead", before, segment)
        return ToolCall(
            run="r", agent_id="lead", turn=self._turns, tools=(TASK,), writes=False,
            use=ToolUse(id="u", name=TASK, title="Task: Look", read_only=True),
            workspace=WORKSPACE, snapshot="tree0",
        )  # fmt: skip

    async def read(self, **given: Any) -> Wanted | Refused:
        call = await self.call(**given)
        delegation = await ActivityEnvironment().run(self._activities.read, call)
        found: Wanted | Refused = delegation.outcome
        return found

    async def answer(self, ended: AgentResult) -> str:
        """What the asker is told of this end."""
        call = await self.call()
        delegated = Delegated(call=call, ended=ended)
        await ActivityEnvironment().run(self._activities.answer, delegated)
        kept = await self.objects.get_json(keys.tool_result("r", "lead", call.turn, "u"))
        assert kept["is_error"] is (ended.report is None)
        return str(kept["content"])


@pytest.fixture
async def tasks() -> Tasks:
    tasks = Tasks()
    await tasks.open()
    return tasks


async def test_one_that_ran_out_goes_on_by_the_id_that_its_asker_was_told(tasks: Tasks) -> None:
    said = await tasks.answer(RAN_OUT)
    assert f"No answer: {SCOUT} met a bound: its bound of cost." in said
    assert "ran out of its share of your budget" in said
    assert f"resume '{SCOUT}'" in said
    wanted = await tasks.read(resume=SCOUT)
    assert isinstance(wanted, Wanted)
    assert wanted.before is not None
    assert wanted.before.unsaid == Unsaid(results=("t1",), remark="Be brief.\n\nGo on.", charged=2)
    same = {"unsaid": RAN_OUT.unsaid}
    assert wanted.before.model_copy(update=same) == RAN_OUT


async def test_one_that_reported_can_be_asked_further(tasks: Tasks) -> None:
    assert await tasks.answer(REPORTED) == "42"
    wanted = await tasks.read(resume=SCOUT, prompt="And then?")
    assert isinstance(wanted, Wanted)
    assert wanted.before is not None
    assert (wanted.before.unsaid.remark, wanted.before.report) == ("And then?", None)


async def test_what_one_is_told_again_and_again_does_not_grow(tasks: Tasks) -> None:
    """Each time it ends before it is told anything, so that all of that would be told then."""
    ended, prompt = RAN_OUT, "x" * MAX_TASK_CHARS
    for _ in range(5):
        await tasks.answer(ended)
        wanted = await tasks.read(resume=SCOUT, prompt=prompt)
        assert isinstance(wanted, Wanted)
        assert wanted.before is not None
        ended = wanted.before
    assert (ended.unsaid.remark or "").endswith(f"\n\n{prompt}")
    assert len(ended.unsaid.remark or "") < 3 * MAX_TASK_CHARS


@pytest.mark.parametrize(
    "given",
    [
        {"resume": "lead/scout.2"},
        {"resume": "scout.1"},
        {"resume": "other/scout.1"},
        {"resume": "lead/scout.1/scout.1"},
        {"resume": "lead/scout.1/../scout.1"},
        {"resume": SCOUT, "subagent_type": "worker"},
        {"resume": ""},
        {"resume": "lead/scout.\0"},
        {"resume": "x" * 500},
    ],
)
async def test_a_wrong_id_is_an_error_of_the_call(tasks: Tasks, given: dict[str, str]) -> None:
    await tasks.answer(RAN_OUT)
    refused = await tasks.read(**given)
    assert isinstance(refused, Refused)
    assert (refused.result.is_error, refused.result.invalid) == (True, True)
    assert "resume: " in refused.result.preview


@pytest.mark.parametrize(
    "changed",
    [{"turns": 0}, {"state": AgentState.CANCELLED}, {"state": AgentState.FAILED}],
)
async def test_one_without_an_end_in_order_cannot_go_on(
    tasks: Tasks, changed: dict[str, Any]
) -> None:
    said = await tasks.answer(RAN_OUT.model_copy(update=changed))
    assert "resume" not in said
    assert isinstance(await tasks.read(resume=SCOUT), Refused)
