"""An outage of the Messages API that many agents at once run into."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from cadre.domain.outcomes import RunResult, RunStatus
from tests.chaos.trials import Call, Clinic

RUNS, SCOUTS = 5, 10
AGENTS = RUNS * SCOUTS
# Scouts, a planner, a builder that runs a command and reports, a reviewer.
CALLS_OF_A_RUN = SCOUTS + 4


@dataclass(frozen=True)
class Outage:
    """What came of it. `seconds` is how long it lasted at most, as seen by any agent."""

    results: list[RunResult]
    calls: list[Call]
    seconds: float

    @property
    def refused(self) -> Counter[tuple[str, str]]:
        """How often each agent asked in vain."""
        return Counter((c["task"], c["agent_id"]) for c in self.calls if c["status"] != 200)


async def outage_of(
    clinic: Clinic, name: str, status: int, seconds: float, retry_after: float | None = None
) -> Outage:
    """Start the runs in an outage that goes on for `seconds` after every scout has met it."""
    begun = time.monotonic()
    async with clinic.outage(status, retry_after), asyncio.timeout(seconds + 120):
        handles = [
            await clinic.begin(f"{name}-{n}", f"Run {n} in {name}.", scouts=SCOUTS)
            for n in range(RUNS)
        ]
        while len(Outage([], await clinic.calls(f"in {name}."), 0).refused) < AGENTS:
            await asyncio.sleep(0.5)
        await asyncio.sleep(seconds)
    lasted = time.monotonic() - begun
    results = await asyncio.gather(*(handle.result() for handle in handles))
    return Outage(list(results), await clinic.calls(f"in {name}."), lasted)


def most_requests(seconds: float) -> int:
    """How often one call may be refused within so many seconds: after each it waits for at least
    half of a time that doubles from 1 s to 60 s."""
    count, waited = 0, 0.0
    while waited <= seconds:
        waited += min(60.0, 2.0**count) / 2
        count += 1
    return count


def assert_weathered(outage: Outage, status: int) -> None:
    """No storm, no failed run, nothing paid for in vain."""
    refused = outage.refused
    assert {c["status"] for c in outage.calls} == {200, status}
    assert len(refused) == AGENTS
    assert max(refused.values()) <= most_requests(outage.seconds)
    answered = [call for call in outage.calls if call["status"] == 200]
    assert len(answered) == RUNS * CALLS_OF_A_RUN
    assert [result.status for result in outage.results] == [RunStatus.APPROVED] * RUNS
    assert {line.spent.lost_attempts for r in outage.results for line in r.agents} == {0}
    told = f"{refused.total()} requests of {AGENTS} agents within {outage.seconds:.0f} s"
    print(f"{told}, at most {max(refused.values())} of one")
