"""The demo's scenario: scripted agents that decide by what they really read."""

from __future__ import annotations

from collections.abc import Callable

from cadre.simulator.conversation import Conversation
from cadre.simulator.demo_building import build, review, work
from cadre.simulator.demo_looking import plan, scout
from cadre.simulator.scenario import Answer, Say, answer

_ROLES: dict[str, Callable[[Conversation], Answer]] = {
    "scout": scout,
    "planner": plan,
    "builder": build,
    "reviewer": review,
    "worker": work,
}


class Demo:
    """Scout, planner, builder, reviewer and worker on the sample repository."""

    def answer(self, conversation: Conversation) -> Answer:
        """The next answer of whichever agent asks."""
        part = _ROLES.get(conversation.role)
        if part is None:
            return answer(Say(f"This scenario has no part for the role {conversation.role!r}."))
        return part(conversation)


scenario = Demo()
