"""An agent that reads a lot, thinking aloud, before it writes one file."""

from __future__ import annotations

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Think, Use, answer

TURNS = 12
READ = "for i in $(seq 60); do echo {turn} $i is what a thrifty agent reads in its turn; done"


class Thrifty:
    """Reads, thinks, reads; at last writes what it has seen."""

    def answer(self, c: Conversation) -> Answer:
        """The next answer."""
        if c.turn < TURNS:
            return answer(Think("What next?"), Use("Bash", {"command": READ.format(turn=c.turn)}))
        if c.turn == TURNS:
            return answer(Use("Write", {"file_path": "seen.txt", "content": "enough"}))
        report = {"summary": "Seen.", "subject": "Note what was seen"}
        return answer(Report({**report, "verified": [], "open_points": []}))


scenario = Thrifty()
