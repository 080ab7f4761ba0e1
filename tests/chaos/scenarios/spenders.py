"""Workers that read much and do little; some of their answers break off, and are billed as well."""

from __future__ import annotations

import re

from cadre.simulator.conversation import Conversation
from cadre.simulator.faults import FaultKind, FaultPlan, Injection
from cadre.simulator.scenario import Answer, Report, Think, Use, answer

WORKERS = 50
TURNS = 6
# Three kilobytes of output that no two turns have in common.
READ = "for i in $(seq 60); do echo {turn} $i is what a spender reads in its turn; done"


class Spenders:
    """Each worker reads for some turns, then writes a file of its own."""

    faults = FaultPlan(
        faults=(
            *(Injection(kind=FaultKind.CUT, agent_id=f"worker.{n}", turn=3) for n in (2, 5, 8)),
            *(Injection(kind=FaultKind.EOF, agent_id=f"worker.{n}", turn=2) for n in (3, 9)),
            *(Injection(kind=FaultKind.STATUS, agent_id=f"worker.{n}", turn=4) for n in (4, 14)),
            Injection(kind=FaultKind.HTML, agent_id="worker.11", turn=1),
            Injection(kind=FaultKind.STREAM_ERROR, agent_id="worker.17", turn=5, attempts=(1, 2)),
            Injection(kind=FaultKind.REFUSAL, agent_id="worker.20", turn=2, attempts=()),
        )
    )

    def answer(self, c: Conversation) -> Answer:
        """The next answer."""
        number = re.search(r"number (\d+)", c.task)
        assert number is not None
        if c.turn < TURNS:
            return answer(Think("More."), Use("Bash", {"command": READ.format(turn=c.turn)}))
        if c.turn == TURNS:
            path = {"file_path": f"{number[1]}.txt", "content": number[1]}
            return answer(Use("Write", path))
        subject = f"Spend {number[1]}"
        done = {"summary": subject, "subject": subject, "verified": [], "open_points": []}
        return answer(Report(done))


scenario = Spenders()
