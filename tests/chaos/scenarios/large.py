"""A builder that writes many files at once, so that keeping and delivering them takes a while."""

from __future__ import annotations

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

FILES = 2000
_WRITE = f"""python3 -c '
import os, random
chance = random.Random(7)
for number in range({FILES}):
    os.makedirs(f"large/{{number % 40}}", exist_ok=True)
    open(f"large/{{number % 40}}/{{number}}", "wb").write(chance.randbytes(16384))
'; find large -type f | wc -l"""


class Large:
    def answer(self, conversation: Conversation) -> Answer:
        found: Answer = getattr(self, conversation.role)(conversation)
        return found

    def scout(self, c: Conversation) -> Answer:
        return answer(Report({"summary": "Small.", "facts": [], "files": [], "risks": []}))

    def planner(self, c: Conversation) -> Answer:
        return answer(Report({"summary": "Grow.", "steps": [], "checks": []}))

    def builder(self, c: Conversation) -> Answer:
        if not c.exchanges:
            return answer(Use("Bash", {"command": _WRITE}))
        seen = c.exchanges[-1].result
        report = {"summary": seen, "subject": "Grow", "verified": [seen], "open_points": []}
        return answer(Report(report))

    def reviewer(self, c: Conversation) -> Answer:
        return answer(Report({"verdict": "approve", "summary": "Large.", "findings": []}))


scenario = Large()
