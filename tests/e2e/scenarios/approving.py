"""A builder that writes a greeting, and does what a person wants instead where it is told so; a
reviewer that wants it to end with a full stop."""

from __future__ import annotations

import re

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

FILES = {
    "greeting.txt": "Good day\n",
    "test_greeting.py": (
        "import unittest\n\n\nclass Greeting(unittest.TestCase):\n"
        "    def test_it_is_one_line(self):\n"
        '        with open("greeting.txt") as file:\n'
        "            self.assertEqual(len(file.readlines()), 1)\n"
    ),
}
CHECK = "python3 -m unittest -q"
TASK = "Greet the world in greeting.txt"


class Approving:
    """The first build greets the world; a later one what a person asked for, in quotes."""

    def answer(self, c: Conversation) -> Answer:
        """The next answer."""
        return self.builder(c) if c.role == "builder" else self.reviewer(c)

    def builder(self, c: Conversation) -> Answer:
        if c.turn == 1:
            wanted = re.findall(r"greet '([^']+)'", c.task)
            text = f"Hello, {wanted[-1] if wanted else 'world'}.\n"
            return answer(Use("Write", {"file_path": "greeting.txt", "content": text}))
        report = {"summary": "It greets.", "subject": "Greet", "verified": [], "open_points": []}
        return answer(Report(report))

    def reviewer(self, c: Conversation) -> Answer:
        if c.turn == 1:
            return answer(Use("Bash", {"command": "cat greeting.txt"}))
        seen = c.exchanges[0].result.strip()
        if seen.endswith("."):
            review = {"verdict": "approve", "summary": f"It says: {seen}", "findings": []}
            return answer(Report(review))
        finding: dict[str, object] = {
            "severity": "major", "path": "greeting.txt", "line": 1,
            "message": f"{seen!r} has no full stop.",
        }  # fmt: skip
        against = {"verdict": "request_changes", "summary": "Not yet.", "findings": [finding]}
        return answer(Report(against))


scenario = Approving()
