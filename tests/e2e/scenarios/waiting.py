"""A builder whose one command writes that it has begun, waits for the file `go`, and says so."""

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

COMMAND = "echo begun >> said.txt; until [ -e go ]; do sleep 0.05; done; echo ended >> said.txt"


class Waiting:
    def answer(self, c: Conversation) -> Answer:
        if c.role == "builder" and not c.exchanges:
            return answer(Use("Bash", {"command": COMMAND}))
        return answer(Report(REPORTS[c.role]))


REPORTS: dict[str, dict[str, object]] = {
    "scout": {"summary": "Looked.", "facts": [], "files": [], "risks": []},
    "planner": {"summary": "Wait.", "steps": [], "checks": []},
    "builder": {"summary": "Waited.", "subject": "Wait", "verified": [], "open_points": []},
    "reviewer": {"verdict": "approve", "summary": "It waited.", "findings": []},
}
scenario = Waiting()
