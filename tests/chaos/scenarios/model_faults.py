"""A builder that makes one file by one command, while its model or its service is at fault.

Which fault, and how often, stands as JSON at the end of the task. The command makes a file and
takes it away again: whoever runs the half of it leaves `half.txt`.
"""

from __future__ import annotations

from enum import StrEnum

from cadre.domain.base import Value
from cadre.simulator.conversation import Conversation
from cadre.simulator.faults import Fault
from cadre.simulator.scenario import Answer, Part, Report, Say, Use, answer

COMMAND = "echo half > half.txt && " + "true && " * 40 + "rm half.txt && echo whole > whole.txt"
SMALL = "echo small > small.txt"
SCOUTED = {"summary": "Looked.", "facts": [], "files": [], "risks": []}
PLANNED = {"summary": "One command.", "steps": [], "checks": []}
BUILT = {"summary": "Made.", "subject": "Make a file", "verified": [], "open_points": []}
REVIEWED = {"verdict": "approve", "summary": "Good.", "findings": []}


class Habit(StrEnum):
    """What a model does wrong by itself."""

    WRONG_INPUT = "wrong input"
    BAD_REPORT = "bad report"
    SAME_CALL = "same call"


class Ailment(Value):
    """What is wrong with the first `turns` answers of the builder: a habit of the model, or a
    fault at the first `attempts` attempts of each (None: at all of them)."""

    name: str
    fault: Fault | None = None
    attempts: int | None = 1
    habit: Habit | None = None
    turns: int = 1

    @property
    def task(self) -> str:
        """The task of a run in which this happens."""
        return f"Make a file.\n{self.model_dump_json()}"


def ailment_in(task: str) -> Ailment:
    """The ailment that the task tells of; none where it is silent."""
    line = next((line for line in task.splitlines() if line.startswith("{")), '{"name": "none"}')
    return Ailment.model_validate_json(line)


class Patient:
    """The builder is the one that ails; the other agents do their work."""

    def answer(self, c: Conversation) -> Answer:
        match c.role:
            case "scout":
                return answer(Report(SCOUTED))
            case "planner":
                return answer(Report(PLANNED))
            case "builder":
                return self._build(c, ailment_in(c.task))
        return answer(Report(REVIEWED))

    def _build(self, c: Conversation, ailment: Ailment) -> Answer:
        if c.turn > ailment.turns:
            return answer(*self._healthy(c))
        match ailment.habit:
            case Habit.WRONG_INPUT:
                return answer(Use("Write", {"file_path": "half.txt"}))
            case Habit.BAD_REPORT:
                return answer(Report({"done": True}))
            case Habit.SAME_CALL:
                return answer(Use("Read", {"file_path": "README.md"}))
        return answer(*self._healthy(c), fault=ailment.fault, fault_attempts=ailment.attempts)

    def _healthy(self, c: Conversation) -> tuple[Part, ...]:
        if c.results_of("Bash", command=COMMAND) or c.results_of("Bash", command=SMALL):
            return (Report(BUILT),)
        told = any("smaller steps" in remark for remark in c.remarks)
        return (Say("I make it."), Use("Bash", {"command": SMALL if told else COMMAND}))


scenario = Patient()
