"""A worker whose words, files and outputs are longer than any line of a log."""

from __future__ import annotations

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Say, Use, answer

LINES = 400
TEXT = "".join(f"line {n} of {LINES}\n" for n in range(1, LINES + 1))
THOUGHT = " ".join(f"thought-{n}" for n in range(1, 200))
# Has a terminal change its title, if it gets there as it is.
PRINTED = "seq -f 'number %g' 1 400; printf '\\033]0;gotcha\\007'"


class Wordy:
    """Writes a long file and prints long output, then reports."""

    def answer(self, c: Conversation) -> Answer:
        """The next answer."""
        if c.turn == 1:
            return answer(Say(THOUGHT), Use("Write", {"file_path": "long.txt", "content": TEXT}))
        if c.turn == 2:
            return answer(Use("Bash", {"command": PRINTED}))
        report = {"summary": "Long.", "subject": "Write", "verified": [], "open_points": []}
        return answer(Report(report))


scenario = Wordy()
