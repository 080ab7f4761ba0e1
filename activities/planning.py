"""What the next attempt of a model call may be: on which model, with how long an answer.

The worst case of an attempt must fit into what is left. Where it does not by the sure bound of one
token a byte, the service is asked to count, which costs nothing; then the answer is shortened; then
the cheaper model is taken that the agent's definition allows; then no attempt is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anthropic import AsyncAnthropic

from activities.transcripts import Conversation
from cadre.domain.budget import MIN_OUTPUT_TOKENS, Allowance, Bound, Reservation, reserve
from cadre.domain.turns import Declined, ModelCall, OutOfBudget
from cadre.domain.usage import Model
from cadre.llm.another import adapted, without_thoughts
from cadre.llm.counting import count_tokens
from cadre.llm.requests import conversation_bound, make_request, prompt_bound
from cadre.llm.segment import Frame, Message

# Where a cheaper model may take over, it does before the dearer one can only write less than this.
USEFUL_OUTPUT_TOKENS = 4096


@dataclass(frozen=True)
class Turn:
    """All that the request of a turn is made of: what was said before, and what is new."""

    before: Conversation
    frame: Frame
    message: Message | None

    def messages(self, model: Model) -> list[Message]:
        """What `model` is told: without the thoughts of a model that went before it."""
        before = self.before
        other = before.foreign if self.goes_on(model) else len(before.messages)
        new = [self.message] if self.message else []
        return [*without_thoughts(before.messages[:other]), *before.messages[other:], *new]

    def goes_on(self, model: Model) -> bool:
        """Whether `model` made the last answer, if there is one."""
        return self.before.last is None or self.before.last.asked in ("", model.id)

    def request(self, model: Model, first: Model, max_tokens: int) -> dict[str, object]:
        """The request to `model`; the frame was made for the model `first`."""
        frame = self.frame if model.id == first.id else adapted(self.frame, model)
        return make_request(model, frame, self.messages(model), max_tokens)

    def bound(self, model: Model) -> int:
        """The most tokens that the prompt can have."""
        if self.goes_on(model):
            return prompt_bound(self.frame, self.before.last, self.message, model)
        return conversation_bound(self.frame, self.messages(model), model)

    def least(self, model: Model) -> int:
        """A number of tokens that the prompt has at least."""
        last = self.before.last
        return last.usage.total_tokens if last and self.goes_on(model) else 0


@dataclass(frozen=True)
class Plan:
    """An attempt that fits: its model, and what it may use."""

    model: Model
    reserved: Reservation


class Planner:
    """Plans attempts; counts by the service's own count where that matters."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self._client = client

    async def plan(
        self, call: ModelCall, turn: Turn, allowance: Allowance
    ) -> Plan | OutOfBudget | Declined:
        """The attempt to make, or why none is made."""
        refused: OutOfBudget | Declined | None = None
        for model, least in _choices(call, turn):
            found = await self._fit(call, turn, model, allowance, least)
            if isinstance(found, Plan):
                return found
            refused = refused or found
        assert refused is not None  # noqa: S101 (there is always a choice)
        return refused

    async def _fit(
        self, call: ModelCall, turn: Turn, model: Model, allowance: Allowance, least: int
    ) -> Plan | OutOfBudget | Declined:
        if turn.least(model) + MIN_OUTPUT_TOKENS > model.context_window:
            return _FULL
        bound, wanted = turn.bound(model), min(call.max_tokens, model.max_output_tokens)
        reserved = reserve(model, bound, wanted, allowance, least)
        if isinstance(reserved, Reservation) and reserved.max_tokens == wanted:
            return Plan(model, reserved)
        hopeless = reserve(model, turn.least(model), wanted, allowance, least)
        if isinstance(hopeless, Bound):
            return OutOfBudget(bound=hopeless)
        request = turn.request(model, call.agent.model, wanted)
        counted = await count_tokens(self._client, request)
        if counted is not None:
            if counted + MIN_OUTPUT_TOKENS > model.context_window:
                return _FULL
            reserved = reserve(model, min(bound, counted), wanted, allowance, least)
        return OutOfBudget(bound=reserved) if isinstance(reserved, Bound) else Plan(model, reserved)


_FULL = Declined(why="context_window", detail="the model's context window is full")


def _choices(call: ModelCall, turn: Turn) -> Iterator[tuple[Model, int]]:
    """The models that may answer, each with the shortest answer that makes it worth while. A
    conversation that the cheaper one has gone on with stays with it, for its cache and thoughts."""
    first, other = call.agent.model, call.agent.fallback
    if other is None:
        yield first, MIN_OUTPUT_TOKENS
        return
    if turn.before.last is None or turn.goes_on(first):
        yield first, min(USEFUL_OUTPUT_TOKENS, call.max_tokens)
    yield other, MIN_OUTPUT_TOKENS
