"""The model activity: one turn's answer, paid once, within what is left of the budget."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from anthropic import AsyncAnthropic
from temporalio import activity

from activities.attempts import AttemptLog, spent
from activities.errors import cadre_errors
from activities.messages import load_frame, load_message
from activities.model_heartbeat import showing
from activities.transcripts import Conversation, Transcripts
from cadre.domain.agents import TASK
from cadre.domain.budget import MIN_OUTPUT_TOKENS, Bound, Reservation, reserve
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.reports import REPORT_TYPES
from cadre.domain.turns import (
    Declined,
    ModelAnswer,
    ModelCall,
    Outcome,
    OutOfBudget,
    Reported,
    ToolUse,
)
from cadre.llm import faults
from cadre.llm.attempts import Attempts, State
from cadre.llm.call import read_answer
from cadre.llm.client import has_credentials, secrets_of
from cadre.llm.outcomes import kept_content, outcome_of
from cadre.llm.requests import make_request, prompt_bound
from cadre.llm.segment import Block, Frame, Message, Segment
from cadre.llm.stream import Accumulator
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import Toolbox
from cadre.tools.task import only_reads

PREVIEW_CHARS = 200
TITLE_CHARS = 80


@dataclass(frozen=True)
class _Turn:
    """All that the request of a turn is made of: what was said before, and what is new."""

    before: Conversation
    frame: Frame
    message: Message | None


class ModelActivities:
    """Calls the model. `transcripts` may be shared with the tools, which then need not read again
    what was just written; `tools` are all that agents can have. `jitter` gives random numbers from
    0 to 1, `clock` seconds since the epoch. The client must not retry by itself."""

    def __init__(
        self,
        client: AsyncAnthropic,
        objects: Objects,
        *,
        transcripts: Transcripts | None = None,
        tools: Toolbox | None = None,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._objects = objects
        self._log = AttemptLog(objects)
        self._transcripts = transcripts or Transcripts(objects)
        self._tools = tools or Toolbox()
        self._jitter = jitter
        self._clock = clock

    @activity.defn(name="model.call")
    @cadre_errors
    async def call(self, call: ModelCall) -> ModelAnswer:
        """One turn's answer. What was answered before is returned again, unpaid."""
        accumulator = Accumulator()
        async with showing(call.turn, accumulator):
            attempts = await self._log.read(call.run, call.agent_id, call.turn)
            segment = await self._transcripts.segment(call.run, call.agent_id, call.turn)
            if segment is None:
                turn = await self._turn(call)
                reserved = _reserve(call, turn, attempts)
                if not isinstance(reserved, Reservation):
                    return _answer(reserved, attempts)
                attempts = attempts.begin(reserved)
                segment = await self._attempt(call, turn, attempts, accumulator)
            if len(attempts.attempts) > 1:  # what became of the others may be known by now
                attempts = await self._log.read(call.run, call.agent_id, call.turn)
            return await self._conclude(call, segment, attempts)

    async def _turn(self, call: ModelCall) -> _Turn:
        before = await self._transcripts.conversation(call.run, call.agent_id, call.turn - 1)
        frame = before.frame or await load_frame(self._objects, call, self._tools)
        return _Turn(before, frame, await load_message(self._objects, call, before.last))

    async def _attempt(
        self, call: ModelCall, turn: _Turn, attempts: Attempts, accumulator: Accumulator
    ) -> Segment:
        """Make the last of `attempts`, which is written down before its request goes out."""
        if not has_credentials(self._client):
            raise faults.no_credentials()
        attempt, model = attempts.attempts[-1], call.agent.model
        new = [turn.message] if turn.message else []
        request = make_request(model, turn.frame, [*turn.before.messages, *new], attempt.max_tokens)
        await self._log.write(call.run, call.agent_id, call.turn, attempts)
        started = time.monotonic()
        try:
            answer = await read_answer(self._client, request, accumulator)
        except faults.CALL_ERRORS as error:
            raise await self._failed(call, attempt.number, error) from None
        segment = Segment(
            user=turn.message,
            assistant=kept_content(answer),
            stop_reason=answer.stop_reason,
            stop_details=answer.stop_details,
            invalid_inputs=answer.invalid_inputs,
            usage=answer.usage,
            cost_usd=model.price.cost(answer.usage),
            attempt=attempt.number,
            seconds=round(time.monotonic() - started, 3),
            model=answer.model,
            frame=None if turn.before.frame else turn.frame,
        )
        return await self._transcripts.store(call.run, call.agent_id, turn.before, segment)

    async def _failed(self, call: ModelCall, number: int, error: Exception) -> CadreError:
        """Write down what is known of the failed attempt; the failure to raise."""
        fault = faults.classify(error, self._clock())
        attempts = await self._log.read(call.run, call.agent_id, call.turn)
        if fault.unbilled:
            attempts = attempts.end(number, State.REFUSED)
        elif fault.kind is ErrorKind.MODEL_FAULT:
            attempts = attempts.end(number, State.MALFORMED)
        await self._log.write(call.run, call.agent_id, call.turn, attempts)
        return fault.error(
            activity.info().attempt, attempts.malformed, self._jitter, secrets_of(self._client)
        )

    async def _conclude(self, call: ModelCall, segment: Segment, attempts: Attempts) -> ModelAnswer:
        """The answer that a stored turn amounts to, whoever stored it."""
        report_key = keys.report(call.run, call.agent_id)
        report_type = REPORT_TYPES[call.agent.role.report]
        outcome = outcome_of(
            segment, report_type, report_key, lambda block: self._describe(call, segment, block)
        )
        if isinstance(outcome, Reported):
            await self._objects.put_json(report_key, outcome.report)
        return _answer(outcome, attempts, segment)

    def _describe(self, call: ModelCall, segment: Segment, block: Block) -> ToolUse:
        name, agent = block["name"], call.agent
        if name not in agent.tools:
            title, read_only = f"{name}: no such tool", True
        else:
            title = self._tools.title(name, block["input"])
            read_only = self._tools.is_read_only(name, writes=agent.role.writes)
            if name == TASK:
                read_only = only_reads(agent, block["input"])
        if block["id"] in segment.invalid_inputs:
            title = f"{name}: invalid input"
        return ToolUse(id=block["id"], name=name, title=title[:TITLE_CHARS], read_only=read_only)


def _reserve(
    call: ModelCall, turn: _Turn, attempts: Attempts
) -> Reservation | OutOfBudget | Declined:
    """The worst case of one more attempt, or why none is made."""
    last, model = turn.before.last, call.agent.model
    if last and last.usage.total_tokens + MIN_OUTPUT_TOKENS > model.context_window:
        return Declined(why="context_window", detail="the model's context window is full")
    prompt = prompt_bound(turn.frame, last, turn.message, model)
    reserved = reserve(model, prompt, call.max_tokens, attempts.left(call.allowance))
    return OutOfBudget(bound=reserved) if isinstance(reserved, Bound) else reserved


def _answer(outcome: Outcome, attempts: Attempts, segment: Segment | None = None) -> ModelAnswer:
    cost = spent(attempts, segment)
    return ModelAnswer(
        outcome=outcome,
        preview=" ".join(segment.visible_text.split())[:PREVIEW_CHARS] if segment else "",
        usage=cost.usage,
        cost_usd=cost.cost_usd,
        lost_usd=cost.lost_usd,
        lost_attempts=cost.lost_attempts,
        seconds=segment.seconds if segment else 0.0,
    )
