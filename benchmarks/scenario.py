"""The simulated model of the benchmarks: so many tool calls, then a report."""

from __future__ import annotations

import re

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

_TASK = re.compile(r"Read (\S+) (\d+) times\.")
REPORT = {"summary": "Read.", "facts": [], "files": [], "risks": []}


def task(file: str, times: int) -> str:
    """The task that makes an agent read `file` so many times, once in each turn."""
    return f"Read {file} {times} times."


class Reading:
    """Plays whatever agent was given a `task`."""

    def answer(self, conversation: Conversation) -> Answer:
        asked = _TASK.search(conversation.task_text)
        if asked is None:
            raise ValueError("the task is none of the benchmarks'")
        file, times = asked[1], int(asked[2])
        if conversation.turn <= times:
            return answer(Use("Read", {"file_path": file, "offset": conversation.turn}))
        return answer(Report(REPORT))


scenario = Reading()
