"""The model activity: one turn's answer, paid once, within what is left of the budget."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from anthropic import AsyncAnthropic
from temporalio import activity

from activities.attempts import AttemptLog, already_settled, spent
from activities.errors import cadre_errors
from activities.messages import load_frame, load_message
from activities.model_heartbeat import showing
from activities.planning import Plan, Planner, Turn
from activities.transcripts import Transcripts
from cadre.domain.agents import TASK
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.reports import REPORT_TYPES
from cadre.domain.turns import ModelAnswer, ModelCall, Outcome, Reported, ToolUse
from cadre.domain.usage import Model
from cadre.llm import faults
from cadre.llm.attempts import Attempt, Attempts, State
from cadre.llm.call import read_answer
from cadre.llm.client import has_credentials, secrets_of
from cadre.llm.outcomes import kept_content, outcome_of
from cadre.llm.segment import Block, Segment
from cadre.llm.stream import Accumulator
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import Toolbox
from cadre.tools.task import only_reads

PREVIEW_CHARS = 200
TITLE_CHARS = 80


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
        self._planner = Planner(client)
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
            segment = await self._segment(call)
            if segment is None:
                turn = await self._turn(call)
                begun = await self._begin(call, turn)
                if isinstance(begun, ModelAnswer):
                    return begun
                plan, attempt = begun
                segment = await self._segment(call)
                if segment is None:
                    segment = await self._attempt(call, turn, plan.model, attempt, accumulator)
                else:  # somebody else was quicker
                    await self._log.write(call, attempt.ended(State.REFUSED))
            # Read after the answer is stored: whoever begins an attempt later sees the answer.
            return await self._conclude(call, segment, await self._log.read(call))

    async def _segment(self, call: ModelCall) -> Segment | None:
        return await self._transcripts.segment(call.run, call.agent_id, call.turn)

    async def _begin(self, call: ModelCall, turn: Turn) -> tuple[Plan, Attempt] | ModelAnswer:
        """Plan an attempt and write it down, or the answer that none can be made."""
        if not has_credentials(self._client):
            raise faults.no_credentials()
        while True:
            attempts = await self._log.read(call)
            if attempts.closed:
                raise already_settled(call)
            plan = await self._planner.plan(call, turn, attempts.left(call.allowance))
            if not isinstance(plan, Plan):
                return _answer(plan, attempts)
            attempts = attempts.begin(plan.reserved)
            if await self._log.begin(call, attempts):
                return plan, attempts.attempts[-1]

    async def _turn(self, call: ModelCall) -> Turn:
        before = await self._transcripts.conversation(call.run, call.agent_id, call.turn - 1)
        frame = before.frame or await load_frame(self._objects, call, self._tools)
        return Turn(before, frame, await load_message(self._objects, call, before.last))

    async def _attempt(
        self,
        call: ModelCall,
        turn: Turn,
        model: Model,
        attempt: Attempt,
        accumulator: Accumulator,
    ) -> Segment:
        """Make an attempt, which is written down already."""
        request = turn.request(model, call.agent.model, attempt.max_tokens)
        started = time.monotonic()
        try:
            answer = await read_answer(self._client, request, accumulator)
        except faults.CALL_ERRORS as error:
            raise await self._failed(call, attempt, error) from None
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
            asked=model.id,
            frame=None if turn.before.frame else turn.frame,
        )
        return await self._transcripts.store(call.run, call.agent_id, turn.before, segment)

    async def _failed(self, call: ModelCall, attempt: Attempt, error: Exception) -> CadreError:
        """Write down what is known of the failed attempt; the failure to raise."""
        fault = faults.classify(error, self._clock())
        if fault.unbilled:
            await self._log.write(call, attempt.ended(State.REFUSED))
        elif fault.kind is ErrorKind.MODEL_FAULT:
            await self._log.write(call, attempt.ended(State.MALFORMED))
        attempts = await self._log.read(call)
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


def _answer(outcome: Outcome, attempts: Attempts, segment: Segment | None = None) -> ModelAnswer:
    cost = spent(attempts, segment)
    return ModelAnswer(
        outcome=outcome,
        preview=" ".join(segment.visible_text.split())[:PREVIEW_CHARS] if segment else "",
        model=segment.asked if segment else "",
        usage=cost.usage,
        cost_usd=cost.cost_usd,
        lost_usd=cost.lost_usd,
        lost_tokens=cost.lost_tokens,
        attempts=len(attempts.attempts),
        lost_attempts=cost.lost_attempts,
        seconds=segment.seconds if segment else 0.0,
    )
