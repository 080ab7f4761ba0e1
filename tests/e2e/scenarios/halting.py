"""A worker whose first answer stops in its middle, for ever; asked again, it takes its time."""

from cadre.simulator.conversation import Conversation
from cadre.simulator.faults import Fault, FaultKind
from cadre.simulator.scenario import Answer, Report, Say, Use, answer

HALF = "I begin with the first half of what I have to say, and then"
SAID = f"{HALF} {'there is the rest of it, which takes a while. ' * 4}"


class Halting:
    def answer(self, c: Conversation) -> Answer:
        if c.turn == 1:
            use = Use("Bash", {"command": "echo said > said.txt"})
            stall = Fault(kind=FaultKind.STALL)
            return answer(use, Say(SAID), latency=4, fault=stall, fault_attempts=1)
        report = {"summary": "Said.", "subject": "Say it", "verified": [], "open_points": []}
        return answer(Report(report), latency=4)


scenario = Halting()
