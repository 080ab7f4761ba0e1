"""Conversations from the object store: one segment for each turn, and a cache of what was read.

The cache only saves reading. A conversation grows by whole segments and is never altered.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from cadre.domain.errors import CadreError, ErrorKind
from cadre.llm.segment import Frame, Message, Segment
from cadre.storage import keys
from cadre.storage.objects import Objects

CACHE_BYTES = 128 * 1024 * 1024
_READS_AT_ONCE = 32


@dataclass(frozen=True)
class Conversation:
    """The first `turns` turns of an agent; `size` is their length in the store, in bytes, and
    `foreign` the number of messages until another model went on with it, 0 where none did."""

    turns: int = 0
    frame: Frame | None = None
    messages: tuple[Message, ...] = ()
    last: Segment | None = None
    size: int = 0
    foreign: int = 0

    def then(self, segment: Segment, size: int) -> Conversation:
        """With one more turn."""
        changed = self.last is not None and self.last.asked not in ("", segment.asked)
        return Conversation(
            turns=self.turns + 1,
            frame=self.frame or segment.frame,
            messages=(*self.messages, *segment.messages),
            last=segment,
            size=self.size + size,
            foreign=len(self.messages) if changed else self.foreign,
        )


class Transcripts:
    """Reads and writes segments; keeps the latest conversation of the agents at work."""

    def __init__(self, objects: Objects, cache_bytes: int = CACHE_BYTES) -> None:
        self._objects = objects
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[tuple[str, str], Conversation] = OrderedDict()
        self._cached_bytes = 0

    async def segment(self, run: str, agent_id: str, turn: int) -> Segment | None:
        """The stored turn, or None."""
        known = self._cache.get((run, agent_id))
        if known is not None and known.turns == turn:
            return known.last
        data = await self._objects.get(keys.turn(run, agent_id, turn))
        return None if data is None else Segment.model_validate_json(data)

    async def conversation(self, run: str, agent_id: str, turns: int) -> Conversation:
        """The first `turns` turns. Raises CadreError where one of them is gone."""
        known = self._cache.get((run, agent_id))
        if known is None or known.turns > turns:
            known = Conversation()
        missing = range(known.turns + 1, turns + 1)
        gate = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(turn: int) -> bytes | None:
            async with gate:
                return await self._objects.get(keys.turn(run, agent_id, turn))

        for turn, data in zip(missing, await asyncio.gather(*map(read, missing)), strict=True):
            if data is None:
                raise CadreError(
                    ErrorKind.WRONG_INPUT,
                    f"turn {turn} of {run}/{agent_id} is not in the object store: does the worker "
                    "use the store that the run was started with?",
                )
            known = known.then(Segment.model_validate_json(data), len(data))
            await asyncio.sleep(0)  # parsing a long conversation in one go would hold the loop
        self._remember(run, agent_id, known)
        return known

    async def store(
        self, run: str, agent_id: str, conversation: Conversation, segment: Segment
    ) -> Segment:
        """Store `segment` as the turn after `conversation`.

        Where another attempt stored that turn before, that one counts and is returned.
        """
        turn = conversation.turns + 1
        data = segment.model_dump_json().encode()
        if not await self._objects.put_new(keys.turn(run, agent_id, turn), data):
            return await self.segment(run, agent_id, turn) or segment
        self._remember(run, agent_id, conversation.then(segment, len(data)))
        return segment

    def _remember(self, run: str, agent_id: str, conversation: Conversation) -> None:
        before = self._cache.pop((run, agent_id), None)
        self._cache[run, agent_id] = conversation
        self._cached_bytes += conversation.size - (before.size if before else 0)
        while self._cached_bytes > self._cache_bytes:
            _, dropped = self._cache.popitem(last=False)
            self._cached_bytes -= dropped.size
