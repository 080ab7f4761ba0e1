"""The model activity against the simulator, which checks requests as the service does."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.model import ModelActivities
from cadre.domain.agents import Agent, AgentDefinition, Role
from cadre.domain.budget import Allowance
from cadre.domain.turns import ContextItem, ModelAnswer, ModelCall, Opening, ToolsWanted
from cadre.domain.usage import Model, Price, Rates
from cadre.llm.client import make_client
from cadre.simulator.conversation import Conversation
from cadre.simulator.faults import Fault, FaultKind
from cadre.simulator.scenario import Answer, Report, Say, Think, Use, answer
from cadre.simulator.server import running
from cadre.storage import keys
from cadre.storage.objects import Objects

RATES = Rates(input=4, output=20, cache_read="0.4", cache_write_5m=5, cache_write_1h=8)
AGENT = Agent(
    name="scout",
    role=Role(name="scout", report="ScoutReport"),
    definition_key=keys.definition("r1", "scout"),
    sha256="0",
    source="built-in",
    tools=("Read", "Glob", "Grep", "Bash"),
    model=Model(
        id="claude-opus-5-5",
        context_window=1_000_000,
        max_output_tokens=128_000,
        price=Price(base=RATES),
    ),
    effort="low",
)
DEFINITION = AgentDefinition(
    name="scout", description="looks", instructions="Look.", source="built-in", sha256="0"
)


@dataclass
class Script:
    """One answer after the other, by the number of the turn."""

    answers: Sequence[Answer]

    def answer(self, conversation: Conversation) -> Answer:
        return self.answers[conversation.turn - 1]


async def converse(store: Path, answers: Sequence[Answer]) -> list[ModelAnswer]:
    """Lead an agent through `answers`, each turn on a worker that has read nothing yet."""
    objects = Objects.open(f"file://{store}")
    await objects.put(AGENT.definition_key, DEFINITION.model_dump_json())
    await objects.put("context", "What a repository says. " * 300)
    told: list[ModelAnswer] = []
    async with (
        running(Script(answers)) as simulator,
        make_client(base_url=simulator.base_url, api_key="k") as client,
    ):
        for turn in range(1, len(answers) + 1):
            call = await following(objects, told[-1] if told else None, turn)
            activities = ModelActivities(client, objects)
            told.append(await ActivityEnvironment().run(activities.call, call))
    return told


async def following(objects: Objects, last: ModelAnswer | None, turn: int) -> ModelCall:
    """The call that the agent loop would make after the answer `last`."""
    results: list[str] = []
    paused = last is not None and getattr(last.outcome, "why", "") == "pause_turn"
    if last is not None and isinstance(last.outcome, ToolsWanted):
        for use in last.outcome.uses:
            key = keys.tool_result("r1", "scout", turn - 1, use.id)
            await objects.put_json(key, {"content": f"result of {use.title}", "is_error": False})
            results.append(use.id)
    context = (ContextItem(title="Conventions", key="context"),)
    return ModelCall(
        run="r1",
        agent_id="scout",
        turn=turn,
        agent=AGENT,
        opening=Opening(task="Look around.", context=context) if last is None else None,
        results=tuple(results),
        remark=None if last is None or results or paused else "Go on.",
        allowance=Allowance(cost_usd=Decimal(10), tokens=10_000_000),
    )


def looks(n: int, uses: int = 1) -> Answer:
    """Thinking, words, and some tool calls."""
    read = [Use("Read", {"file_path": f"{n}.{m}.py"}) for m in range(uses)]
    return answer(Think(f"thought {n}"), Say(f"I look at {n}."), *read)


DONE = answer(
    Think("that is all"), Report({"summary": "Fine.", "facts": [], "files": [], "risks": []})
)


async def test_the_service_takes_what_follows_on_every_kind_of_answer(tmp_path: Path) -> None:
    spoilt = [
        answer(*looks(n).parts, fault=Fault(kind=kind))
        for n, kind in enumerate((FaultKind.MAX_TOKENS, FaultKind.PAUSE_TURN), start=2)
    ]
    script = [looks(1, uses=3), *spoilt, looks(4), answer(Say("It is fine.")), looks(6), DONE]
    told = [a.outcome.kind for a in await converse(tmp_path, script)]
    assert told[0] == told[3] == told[5] == "tools"
    assert told[1:3] == ["interrupted", "interrupted"]
    assert told[4] == "bad_report"
    assert told[6] == "report"


async def test_each_turn_reads_the_one_before_from_the_cache(tmp_path: Path) -> None:
    """Also past the twenty blocks over which the service looks back for an entry."""
    told = await converse(tmp_path, [looks(1), looks(2, uses=30), looks(3), looks(4), DONE])
    for before, after in itertools.pairwise(told):
        assert after.usage.cache_read_tokens >= before.usage.prompt_tokens
        assert after.usage.input_tokens == 0
    assert told[-1].usage.cache_share > 0.8
