"""A lead whose reader runs out of its share, and is asked to go on until it has an answer."""

from __future__ import annotations

import re

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Think, Use, answer

TURNS = 30
READ = "for i in $(seq 60); do echo {turn} $i is what a reader on a loan reads; done"


class Lender:
    """The lead does nothing but ask, the reader nothing but read."""

    def answer(self, c: Conversation) -> Answer:
        """The next answer."""
        return self._reader(c) if c.role == "helper" else self._lead(c)

    def _lead(self, c: Conversation) -> Answer:
        given = {"description": "Read", "prompt": "Read it all.", "subagent_type": "reader"}
        if c.turn == 1:
            return answer(Use("Task", given))
        told = c.exchanges[-1]
        if (found := re.search(r"resume '([^']+)'", told.result)) is not None:
            more = {"prompt": f"Read on, the {c.turn}nd time.", "resume": found[1]}
            return answer(Use("Task", given | more))
        said = [e.result for e in c.exchanges]
        report = {"summary": told.result, "subject": "Read", "verified": said, "open_points": []}
        return answer(Report(report))

    def _reader(self, c: Conversation) -> Answer:
        if c.turn <= TURNS:
            return answer(Think("More."), Use("Bash", {"command": READ.format(turn=c.turn)}))
        asked = sum("Read on" in remark for remark in c.remarks)
        return answer(Report({"answer": f"read in {len(c.exchanges)} turns, asked on {asked}"}))


scenario = Lender()
