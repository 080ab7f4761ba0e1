"""The attempts of model calls in the object store, and what a turn has cost by them."""

from __future__ import annotations

from decimal import Decimal

from temporalio import activity

from activities.errors import cadre_errors
from activities.transcripts import Transcripts
from cadre.domain.budget import Spent
from cadre.domain.turns import SettleTurn
from cadre.llm.attempts import Attempts
from cadre.llm.segment import Segment
from cadre.storage import keys
from cadre.storage.objects import Objects


class AttemptLog:
    """Reads and writes what is known of the attempts of one model call."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def read(self, run: str, agent_id: str, turn: int) -> Attempts:
        """What was written down; nothing where no attempt was made."""
        data = await self._objects.get(keys.attempts(run, agent_id, turn))
        return Attempts() if data is None else Attempts.model_validate_json(data)

    async def write(self, run: str, agent_id: str, turn: int, attempts: Attempts) -> None:
        """Replace what was written down."""
        await self._objects.put(keys.attempts(run, agent_id, turn), attempts.model_dump_json())


class SettleActivities:
    """Settles turns whose model call ended without an answer for the workflow."""

    def __init__(self, objects: Objects, transcripts: Transcripts) -> None:
        self._log = AttemptLog(objects)
        self._transcripts = transcripts

    @activity.defn(name="model.settle")
    @cadre_errors
    async def settle(self, turn: SettleTurn) -> Spent:
        """What the attempts of a turn may have cost, and its answer, should one be stored."""
        attempts = await self._log.read(turn.run, turn.agent_id, turn.turn)
        segment = await self._transcripts.segment(turn.run, turn.agent_id, turn.turn)
        return spent(attempts, segment)


def spent(attempts: Attempts, segment: Segment | None) -> Spent:
    """The cost of a turn: its answer's own, and the worst case of each attempt that is lost."""
    lost = attempts.lost(segment.attempt if segment else None)
    lost_usd = sum((attempt.cost_usd for attempt in lost), Decimal(0))
    if segment is None:
        return Spent(cost_usd=lost_usd, lost_usd=lost_usd, lost_attempts=len(lost))
    return Spent(
        usage=segment.usage,
        cost_usd=segment.cost_usd + lost_usd,
        lost_usd=lost_usd,
        lost_attempts=len(lost),
    )
