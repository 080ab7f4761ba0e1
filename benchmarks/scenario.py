"""The simulated model of the benchmarks: so many tool calls, then a report."""

from __future__ import annotations

import re

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

_TASK = re.compile(
    r"Read (?P<file>\S+) (?P<times>\d+) times(?:, then write (?P<written>\S+))?\."
    r"(?: Each answer takes (?P<latency>[\d.]+) s\.)?"
)
SCOUTED = {"summary": "Read.", "facts": [], "files": [], "risks": []}
WORKED = {"summary": "Read.", "subject": "Read", "verified": [], "open_points": []}


def task(file: str, times: int, *, written: str = "", latency: float | None = None) -> str:
    """The task that makes an agent read `file` so many times, once in each turn, and then write
    the file `written`, if any; `latency` is in seconds before each answer, or the simulator's."""
    then = f", then write {written}" if written else ""
    wait = "" if latency is None else f" Each answer takes {latency:g} s."
    return f"Read {file} {times} times{then}.{wait}"


class Reading:
    """Plays whatever agent was given a `task`."""

    def answer(self, conversation: Conversation) -> Answer:
        asked = _TASK.search(conversation.task_text)
        if asked is None:
            raise ValueError("the task is none of the benchmarks'")
        latency = float(asked["latency"]) if asked["latency"] else None
        if conversation.turn <= int(asked["times"]):
            given = {"file_path": asked["file"], "offset": conversation.turn}
            return answer(Use("Read", given), latency=latency)
        if asked["written"] and conversation.turn == int(asked["times"]) + 1:
            given = {"file_path": asked["written"], "content": "Written.\n"}
            return answer(Use("Write", given), latency=latency)
        report = WORKED if conversation.role == "worker" else SCOUTED
        return answer(Report(report), latency=latency)


scenario = Reading()
