"""What the simulator was asked, and what it answered: for tests that count calls. No keys."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass, field

from cadre.simulator.conversation import Conversation
from cadre.simulator.errors import Json
from cadre.simulator.prompt import Prompt

_KEPT = 10_000
_TASK_CHARACTERS = 500


@dataclass
class Call:
    """One request for a message. `call` counts all of them from 1, `attempt` those with the same
    agent and prompt. `task` is the beginning of the agent's task. `outcome` is `open`, `refused`,
    `answered` or `broken` (begun, but not ended); `paid` says whether an answer began, which is
    what the service bills."""

    call: int
    agent_id: str = ""
    role: str = ""
    task: str = ""
    turn: int = 0
    attempt: int = 1
    model: str = ""
    stream: bool = False
    status: int = 200
    outcome: str = "open"
    paid: bool = False
    fault: str | None = None
    stop_reason: str | None = None
    usage: Json = field(default_factory=dict)
    error: str | None = None


@dataclass
class Journal:
    """The latest calls, oldest first, and how often each prompt was sent."""

    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=_KEPT))
    total: int = 0
    _attempts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def begin(self) -> Call:
        """Note a new request."""
        self.total += 1
        call = Call(self.total)
        self.calls.append(call)
        return call

    def identify(self, call: Call, prompt: Prompt, conversation: Conversation) -> None:
        """Note who asked, once the request was understood."""
        key = (conversation.agent_id, prompt.digest)
        self._attempts[key] += 1
        call.agent_id, call.role = conversation.agent_id, conversation.role
        call.task = conversation.task[:_TASK_CHARACTERS]
        call.turn, call.attempt = conversation.turn, self._attempts[key]
        call.model, call.stream = prompt.traits.id, bool(prompt.body.get("stream"))

    def of(self, agent_id: str, turn: int | None = None) -> list[Call]:
        """The calls of an agent, or of one of its turns."""
        return [
            call
            for call in self.calls
            if call.agent_id == agent_id and (turn is None or call.turn == turn)
        ]

    def as_json(self) -> Json:
        """Everything, with counts by agent and turn."""
        counts: dict[tuple[str, int], Json] = {}
        for call in self.calls:
            entry = counts.setdefault(
                (call.agent_id, call.turn),
                {"agent_id": call.agent_id, "turn": call.turn, "calls": 0, "paid": 0},
            )
            entry["calls"] += 1
            entry["paid"] += call.paid
        return {
            "total": self.total,
            "by_turn": list(counts.values()),
            "requests": [asdict(call) for call in self.calls],
        }
