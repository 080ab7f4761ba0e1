"""A transcript's segment: what was said to the model in one turn, and what it answered.

Segments are what the object store keeps under `keys.turn`; the conversation is their sequence.
What was sent once is never altered: the prompt cache and the model's thinking blocks are bound
to the exact prefix that they follow.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cadre.domain.usage import Usage

Block = dict[str, Any]
Message = dict[str, Any]


class _Stored(BaseModel):
    # An older worker reads what a newer one wrote, so unknown fields are let through.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Frame(_Stored):
    """What every request of an agent says beside its messages.

    It is fixed with the first turn, so that a new release of Cadre does not change the words
    under a conversation that is going on.
    """

    system: str
    tools: list[dict[str, Any]]
    output_config: dict[str, Any]
    thinking: dict[str, Any] | None = None


class Segment(_Stored):
    """One turn. `user` is None where a paused answer was simply gone on with.

    `assistant` holds the answer's blocks as they came, short of what may not be sent back.
    `invalid_inputs` maps the IDs of tool uses whose input was no JSON object to the text that
    came instead; the block itself has an empty input. `attempt` is the number of the attempt
    that brought this answer, `cost_usd` what that attempt alone cost, in US dollars, `seconds` what
    it took. `model` is the model's name as the service told it, `asked` the one that was asked for;
    it is empty in what older releases stored. `frame` is set in the first turn.
    """

    user: Message | None
    assistant: list[Block] = Field(min_length=1)
    stop_reason: str
    stop_details: dict[str, Any] | None = None
    invalid_inputs: dict[str, str] = {}
    usage: Usage
    cost_usd: Decimal
    attempt: int
    seconds: float = 0.0
    model: str
    asked: str = ""
    frame: Frame | None = None

    @property
    def messages(self) -> list[Message]:
        """The turn as the Messages API takes it."""
        answer: Message = {"role": "assistant", "content": self.assistant}
        return [answer] if self.user is None else [self.user, answer]

    @property
    def awaits_service(self) -> bool:
        """Whether the answer paused at a tool of the service, which goes on by itself."""
        kind = str(self.assistant[-1].get("type"))
        server = kind == "server_tool_use" or kind.endswith("_tool_result")
        return server and self.stop_reason == "pause_turn"

    @property
    def visible_text(self) -> str:
        """What the answer says in words, the thinking where it says nothing else."""
        for kind in ("text", "thinking"):
            parts = [b[kind] for b in self.assistant if b.get("type") == kind]
            if text := "\n".join(parts).strip():
                return text
        return ""
