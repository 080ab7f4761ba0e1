"""The demo, with a builder whose edits take a moment, so that they can be interrupted.

It writes the edited file line by line with a shell command. Cut short, that leaves half a file; run
again on what it left, it would never make a whole one of it.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from cadre.simulator.conversation import Conversation, Exchange
from cadre.simulator.demo import Demo
from cadre.simulator.scenario import Answer, Part, Use

# What the sample's edit changes.
EDITED = "bookings/interval.py"
_SCRIPT = """\
import sys, time
path, old, new = sys.argv[1:]
text = open(path).read()
if old not in text:
    sys.exit(f"{path} does not hold {old!r}")
with open(path, "w") as file:
    for line in text.replace(old, new, 1).splitlines(keepends=True):
        file.write(line)
        file.flush()
        time.sleep(0.06)
print(f"{path} is edited")
"""


class Crash(Demo):
    """The demo's agents; for them an edit is an edit, for everybody else it is a command."""

    def answer(self, conversation: Conversation) -> Answer:
        """The next answer of whichever agent asks."""
        exchanges = tuple(_as_edit(exchange) for exchange in conversation.exchanges)
        found = super().answer(replace(conversation, exchanges=exchanges))
        return replace(found, parts=tuple(_as_command(part) for part in found.parts))


def _as_command(part: Part) -> Part:
    if not isinstance(part, Use) or part.tool != "Edit":
        return part
    path, old, new = (part.input[name] for name in ("file_path", "old_string", "new_string"))
    command = shlex.join(["python3", "-c", _SCRIPT, path, old, new])
    return Use("Bash", {"command": f"# Edit {path} line by line.\n{command}"})


def _as_edit(exchange: Exchange) -> Exchange:
    words = shlex.split(exchange.input.get("command", ""), comments=True)
    if words[2:3] != [_SCRIPT]:
        return exchange
    given = dict(zip(("file_path", "old_string", "new_string"), words[3:], strict=True))
    return replace(exchange, tool="Edit", input=given)


scenario = Crash()
