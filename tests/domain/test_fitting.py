"""A run's result fits into a history, whatever its agents wrote."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cadre.domain.base import MAX_PAYLOAD_BYTES
from cadre.domain.budget import Spent
from cadre.domain.fitting import fitted
from cadre.domain.outcomes import AgentLine, AgentState, PartLine, PartState, RunResult, RunStatus
from cadre.domain.reports import Finding, Severity
from cadre.domain.runs import MAX_AGENTS
from cadre.domain.usage import Usage
from cadre.domain.workspaces import CheckResult, CommandOutcome

USAGE = Usage(input_tokens=10**7, output_tokens=10**6, cache_read_tokens=10**8)
SPENT = Spent(usage=USAGE, cost_usd=Decimal("12.345678901"), lost_usd=Decimal("1.2345678"))


def result(char: str, agents: int = MAX_AGENTS) -> RunResult:
    outcome = CommandOutcome(
        command="make test", exit_code=1, seconds=1, tail=char * 2000, output_key="k" * 100
    )
    check = CheckResult(as_is=outcome, with_base_tests=outcome, changed_tests=(char * 200,) * 50)
    line = AgentLine(
        agent_id="worker.12/a-name-of-average-length.12", state=AgentState.FAILED, turns=60,
        model="claude-sonnet-of-some-day", definition_sha256="0" * 64, spent=SPENT,
        why=char * 2000,
    )  # fmt: skip
    part = PartLine(
        number=99, title=char * 200, state=PartState.LEFT_OUT, why=char * 500,
        branch=f"cadre/{'r' * 64}+99",
    )  # fmt: skip
    finding = Finding(severity=Severity.MAJOR, path=char * 100, line=1, message=char * 1000)
    return RunResult(
        run="r", status=RunStatus.PARTLY, summary=char * 2000, findings=(finding,) * 6,
        check_before=check, check_after=check, parts=(part,) * agents, agents=(line,) * agents,
        notes=(char * 300,) * 64,
    )  # fmt: skip


@pytest.mark.parametrize("char", ["x", "é", "漢", "\N{OK HAND SIGN}", '"', "\x01"])
def test_the_largest_result_fits(char: str) -> None:
    large = result(char)
    assert len(large.model_dump_json().encode()) > MAX_PAYLOAD_BYTES
    small = fitted(large)
    assert len(small.model_dump_json().encode()) <= MAX_PAYLOAD_BYTES
    assert len(small.agents) == len(small.parts) == MAX_AGENTS
    assert [line.spent for line in small.agents] == [SPENT] * MAX_AGENTS
    assert small.parts[0].branch == large.parts[0].branch
    assert small.parts[0].title.startswith(char * 5)


def test_what_fits_stays_as_it_is() -> None:
    small = result("x", agents=2).model_copy(update={"notes": (), "check_before": None})
    assert fitted(small) is small
