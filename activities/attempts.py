"""The attempts of model calls in the object store, and what a turn has cost by them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import takewhile

from temporalio import activity

from activities.errors import cadre_errors
from activities.transcripts import Transcripts
from cadre.domain.budget import Spent
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.turns import ModelCall, SettleTurn
from cadre.llm.attempts import Attempt, Attempts, State
from cadre.llm.segment import Segment
from cadre.storage import keys
from cadre.storage.objects import Objects

# Attempts are numbered without gaps, so they are read in windows that grow up to this.
READS_AT_ONCE = 32


class AttemptLog:
    """Reads and writes what is known of the attempts of one model call."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def read(self, call: ModelCall | SettleTurn) -> Attempts:
        """What was written down, in order; nothing where no attempt was made."""
        found: list[bytes] = []
        width = 1
        while True:
            numbers = range(len(found) + 1, len(found) + 1 + width)
            window = await asyncio.gather(*(self._objects.get(_key(call, n)) for n in numbers))
            found += takewhile(lambda data: data is not None, window)  # type: ignore[arg-type]
            if window[-1] is None:
                attempts = tuple(map(Attempt.model_validate_json, found))
                return Attempts(attempts=attempts, charged=call.charged)
            width = min(2 * width, READS_AT_ONCE)

    async def claim(self, call: ModelCall | SettleTurn, attempts: Attempts) -> bool:
        """Write down the last of `attempts`; False where another one has its number already, so
        that what it was reserved on is no longer true."""
        last = attempts.attempts[-1]
        return await self._objects.put_new(_key(call, last.number), last.model_dump_json())

    async def begin(self, call: ModelCall, attempts: Attempts) -> bool:
        """Claim the last of `attempts`, which goes out next; False as `claim` does.

        Raises CadreError where the agent has been closed. That is looked up after the attempt is
        written down: so whoever closed the agent finds the attempt, or this finds the mark.
        """
        if not await self.claim(call, attempts):
            return False
        names = call.agent_id.split("/")
        above = ("/".join(names[:depth]) for depth in range(1, len(names) + 1))
        marks = (self._objects.get(keys.closed(call.run, agent_id)) for agent_id in above)
        if any(mark is not None for mark in await asyncio.gather(*marks)):
            await self.write(call, attempts.attempts[-1].ended(State.REFUSED))
            raise already_settled(call)
        return True

    async def close_agent(self, run: str, agent_id: str) -> None:
        """Have no attempt of an agent, or of one below it, begin any more."""
        await self._objects.put_json(keys.closed(run, agent_id), {})

    async def write(self, call: ModelCall, attempt: Attempt) -> None:
        """Replace what is known of an attempt; only the one who claimed it may."""
        await self._objects.put(_key(call, attempt.number), attempt.model_dump_json())


def already_settled(call: ModelCall) -> CadreError:
    """That a turn is charged already, so that no attempt at it may be made."""
    where = f"turn {call.turn} of {call.run}/{call.agent_id}"
    return CadreError(ErrorKind.WRONG_INPUT, f"{where} has been settled")


def _key(call: ModelCall | SettleTurn, number: int) -> str:
    return keys.attempt(call.run, call.agent_id, call.turn, number)


class SettleActivities:
    """Settles turns whose model call ended without an answer for the workflow."""

    def __init__(self, objects: Objects, transcripts: Transcripts) -> None:
        self._log = AttemptLog(objects)
        self._transcripts = transcripts

    @activity.defn(name="model.settle")
    @cadre_errors
    async def settle(self, turn: SettleTurn) -> Spent:
        """What the attempts of a turn may have cost, and its answer, should one be stored.

        The turn is closed first: an attempt that was thought dead begins no other one.
        """
        attempts = await self._log.read(turn)
        while not attempts.closed and not await self._log.claim(turn, attempts.close()):
            attempts = await self._log.read(turn)
        segment = await self._transcripts.segment(turn.run, turn.agent_id, turn.turn)
        return spent(attempts, segment)


def spent(attempts: Attempts, segment: Segment | None) -> Spent:
    """The cost of a turn: its answer's own, and the worst case of each attempt that is lost."""
    lost = attempts.lost(segment.attempt if segment else None)
    lost_usd = sum((attempt.cost_usd for attempt in lost), Decimal(0))
    spent = Spent(
        cost_usd=lost_usd,
        lost_usd=lost_usd,
        lost_tokens=sum(attempt.tokens for attempt in lost),
        lost_attempts=len(lost),
    )
    return spent + Spent(usage=segment.usage, cost_usd=segment.cost_usd) if segment else spent
