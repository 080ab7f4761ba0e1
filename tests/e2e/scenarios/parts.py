"""A builder whose one command makes a file in twenty parts, a second apart in all but name.

It appends, so that a command that runs twice on the same files leaves forty parts, and one that
was cut short leaves fewer than twenty.
"""

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

PARTS = 20
COMMAND = (
    f"for i in $(seq {PARTS}); do echo part $i >> parts.txt; sleep 0.15; done; wc -l parts.txt"
)


class Parts:
    def answer(self, conversation: Conversation) -> Answer:
        found: Answer = getattr(self, conversation.role)(conversation)
        return found

    def scout(self, c: Conversation) -> Answer:
        if not c.exchanges:
            return answer(Use("Glob", {"pattern": "**/*"}))
        seen = c.exchanges[-1].result.splitlines()
        return answer(Report({"summary": "Looked.", "facts": seen, "files": [], "risks": []}))

    def planner(self, c: Conversation) -> Answer:
        return answer(Report({"summary": "Write parts.", "steps": [], "checks": []}))

    def builder(self, c: Conversation) -> Answer:
        if not c.exchanges:
            return answer(Use("Bash", {"command": COMMAND}))
        last = c.exchanges[-1]
        return answer(
            Report(
                {
                    "summary": last.result,
                    "subject": "Write the parts",
                    "verified": [last.result],
                    "open_points": [],
                }
            )
        )

    def reviewer(self, c: Conversation) -> Answer:
        if not c.exchanges:
            return answer(Use("Bash", {"command": "wc -l < parts.txt"}))
        good = str(PARTS) in c.exchanges[-1].result
        return answer(
            Report(
                {
                    "verdict": "approve" if good else "request_changes",
                    "summary": c.exchanges[-1].result,
                    "findings": [],
                }
            )
        )


scenario = Parts()
