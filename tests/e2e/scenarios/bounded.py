"""A builder that tries what it must not, then what it may."""

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

ATTEMPTS = (
    Use("Read", {"file_path": ".env"}),
    Use(
        "Edit",
        {"file_path": "migrations/0001.sql", "old_string": "create", "new_string": "drop"},
    ),
    Use("Write", {"file_path": "README.md", "content": "mine\n"}),
    Use("Bash", {"command": "ls && rm -r src"}),
    Use("Bash", {"command": "python3 -m unittest discover sleep"}),
    Use("Edit", {"file_path": "src/app.py", "old_string": "41", "new_string": "42   "}),
    Use("Bash", {"command": "python3 -m unittest discover -q -s src"}),
)


class Bounded:
    def answer(self, c: Conversation) -> Answer:
        if c.role == "builder" and len(c.exchanges) < len(ATTEMPTS):
            return answer(ATTEMPTS[len(c.exchanges)])
        said = [e.result for e in c.exchanges]
        match c.role:
            case "scout":
                report = {"summary": "Looked.", "facts": [], "files": [], "risks": []}
            case "planner":
                report = {"summary": "Change it.", "steps": [], "checks": []}
            case "builder":
                report = {
                    "summary": "Done.",
                    "subject": "Answer 42",
                    "verified": said,
                    "open_points": [],
                }
            case _:
                report = {"verdict": "approve", "summary": "Fine.", "findings": []}
        return answer(Report(report))


scenario = Bounded()
