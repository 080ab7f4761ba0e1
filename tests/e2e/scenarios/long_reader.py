"""A builder that reads 20 KB again and again, and writes 80 KB at once at the end."""

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

TURNS = 40
LARGE = "0123456789abcdef" * 5 * 1024


class LongReader:
    def answer(self, conversation: Conversation) -> Answer:
        found: Answer = getattr(self, conversation.role)(conversation)
        return found

    def scout(self, c: Conversation) -> Answer:
        return answer(Report({"summary": "Long.", "facts": [], "files": [], "risks": []}))

    def planner(self, c: Conversation) -> Answer:
        return answer(Report({"summary": "Read on.", "steps": [], "checks": []}))

    def builder(self, c: Conversation) -> Answer:
        if c.turn <= TURNS:
            return answer(Use("Read", {"file_path": "long.txt", "offset": c.turn % 5 + 1}))
        if c.turn == TURNS + 1:
            return answer(Use("Write", {"file_path": "large.txt", "content": LARGE}))
        return answer(
            Report({"summary": "Read.", "subject": "Write", "verified": [], "open_points": []})
        )

    def reviewer(self, c: Conversation) -> Answer:
        return answer(Report({"verdict": "approve", "summary": "Read.", "findings": []}))


scenario = LongReader()
