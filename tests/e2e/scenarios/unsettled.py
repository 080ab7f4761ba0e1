"""The shapes, with a resolver that leaves each conflict as it is."""

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, answer
from tests.e2e.scenarios.shapes import Shapes


class Unsettled(Shapes):
    def resolver(self, c: Conversation) -> Answer:
        report = {
            "summary": "Too hard.",
            "subject": "Leave it",
            "verified": [],
            "open_points": ["everything"],
        }
        return answer(Report(report))


scenario = Unsettled()
