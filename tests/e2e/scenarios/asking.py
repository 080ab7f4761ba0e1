"""Workers that each write a file of their own, and report what they were told about it."""

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer


class Asking:
    def answer(self, c: Conversation) -> Answer:
        name = next(word for word in c.task.split() if word.endswith(".txt"))
        if not c.exchanges:
            return answer(Use("Write", {"file_path": name, "content": f"{name}\n"}))
        said = c.exchanges[-1].result
        report = {
            "summary": said, "subject": f"Write {name}", "verified": [], "open_points": [],
        }  # fmt: skip
        return answer(Report(report))


scenario = Asking()
