"""Plays the survey's agents, to try it without a key: `cadre up --scenario scenario.py`."""

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer


class Script:
    """Answers by the agent's role."""

    def answer(self, conversation: Conversation) -> Answer:
        """The next answer."""
        return surveyor(conversation) if conversation.role == "surveyor" else worker(conversation)


def surveyor(c: Conversation) -> Answer:
    """Counts, and reports what it was told."""
    if not c.exchanges:
        return answer(Use("CountLines", {"pattern": "*.py"}))
    facts = c.exchanges[0].result.splitlines()
    return answer(Report({"summary": "Counted.", "facts": facts, "files": [], "risks": []}))


def worker(c: Conversation) -> Answer:
    """Writes the surveyor's facts down."""
    if not c.exchanges:
        text = "".join(f"{fact}\n" for report in c.reports for fact in report["facts"])
        return answer(Use("Write", {"file_path": "SURVEY.md", "content": text}))
    report = {"subject": "Survey the code", "summary": "Written.", "verified": []}
    return answer(Report({**report, "open_points": []}))


scenario = Script()
