"""A builder whose commands misbehave: they flood, multiply, hunger, and will not end.

They do so in turn, unless the task says `stay <name>`: then there is only a family of processes of
that name, which no hang-up, no termination and no death of a parent ends.
"""

from __future__ import annotations

import re
from typing import Any

from cadre.simulator.conversation import Conversation
from cadre.simulator.scenario import Answer, Report, Use, answer

_STAY = re.compile(r"stay (marker-[\w-]+)")
FAMILY = """
trap '' TERM HUP INT
setsid bash -c "trap '' TERM HUP INT; exec -a {0} sleep 1000" > /dev/null 2>&1 &
(setsid bash -c "(exec -a {0} sleep 1000 > /dev/null 2>&1 &)" &)
exec -a {0} sleep 1000
"""
UNRULY: dict[str, dict[str, Any]] = {
    "flood": {"command": "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last"},
    "binary": {"command": "head -c 100000 /dev/zero"},
    "bomb": {
        "command": "bomb() { bomb | bomb & }; bomb; while :; do sleep 1; done",
        "timeout": 3000,
    },
    "hunger": {"command": "python3 -c \"x = b'x' * (5 << 30); print('had it')\""},
    "deaf": {"command": FAMILY.format("marker-deaf"), "timeout": 2000},
    "calm": {"command": "echo still here | tee calm.txt"},
}


class Unruly:
    def answer(self, conversation: Conversation) -> Answer:
        found: Answer = getattr(self, conversation.role)(conversation)
        return found

    def scout(self, c: Conversation) -> Answer:
        return answer(Report({"summary": "Calm.", "facts": [], "files": [], "risks": []}))

    def planner(self, c: Conversation) -> Answer:
        return answer(Report({"summary": "Riot.", "steps": [], "checks": []}))

    def builder(self, c: Conversation) -> Answer:
        commands = list(UNRULY.values())
        if stay := _STAY.search(c.task_text):
            commands = [{"command": FAMILY.format(stay[1])}]
        if c.turn <= len(commands):
            return answer(Use("Bash", commands[c.turn - 1]))
        seen = [exchange.result[-500:] for exchange in c.exchanges]
        report = {"summary": "Done.", "subject": "Riot", "verified": seen, "open_points": []}
        return answer(Report(report))

    def reviewer(self, c: Conversation) -> Answer:
        return answer(Report({"verdict": "approve", "summary": "Fine.", "findings": []}))


scenario = Unruly()
