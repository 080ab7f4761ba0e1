"""What an agent's result says of its sub-agents fits a history, however much there is to tell."""

from __future__ import annotations

from decimal import Decimal

from cadre.domain.base import MAX_PAYLOAD_BYTES
from cadre.domain.budget import Spent
from cadre.domain.ledger import Ledger
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.runs import MAX_AGENTS
from cadre.domain.usage import Usage
from tests.domain.test_ledger import AGENT

USAGE = Usage(input_tokens=12_345, output_tokens=2_345, cache_read_tokens=123_456)
SPENT = Spent(usage=USAGE, cost_usd=Decimal("1.234567"))


def test_as_many_failed_sub_agents_as_there_may_be_fit() -> None:
    books = Ledger()
    for number in range(MAX_AGENTS - 1):
        failed = AgentResult(
            agent_id=f"worker.12/scout.{number}", state=AgentState.FAILED, why="y" * 2000,
            snapshot="0" * 40, turns=60, spent=SPENT,
        )  # fmt: skip
        books.ended(failed, AGENT)
    asker = AgentResult(
        agent_id="worker.12", state=AgentState.FAILED, why="y" * 2000, said="s" * 200,
        snapshot="0" * 40, turns=60, spent=SPENT, helpers=tuple(books.lines),
    )  # fmt: skip
    assert len(asker.model_dump_json()) <= MAX_PAYLOAD_BYTES
    assert all(line.why.startswith("yyy") for line in asker.helpers)
