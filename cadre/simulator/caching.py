"""Prompt caching: what of a prompt was read from the cache, what was written to it.

A breakpoint caches everything before it. A later prompt reads the longest such prefix that it
shares, if that ends within the 20 blocks up to one of its own breakpoints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cadre.simulator.errors import Json
from cadre.simulator.prompt import Prompt, canonical, digest_of, estimate

LOOKBACK_BLOCKS = 20
TTL_SECONDS = {"5m": 300.0, "1h": 3600.0}
# Past this many entries, those that have ended are swept out.
_MAX_ENTRIES = 100_000


@dataclass(frozen=True)
class Reading:
    """How a prompt's tokens fall into those read, written for 5 minutes, written for 1 hour and
    plain ones; `touched` are the cache's entries that it uses or makes, with their lifetimes."""

    read: int
    written: dict[str, int]
    plain: int
    touched: tuple[tuple[str, float], ...]

    @property
    def usage(self) -> Json:
        """The prompt's part of the service's usage object."""
        return {
            "input_tokens": self.plain,
            "cache_read_input_tokens": self.read,
            "cache_creation_input_tokens": sum(self.written.values()),
            "cache_creation": {
                f"ephemeral_{ttl}_input_tokens": count for ttl, count in self.written.items()
            },
        }


@dataclass
class PromptCache:
    """Prefixes seen before, by hash. `min_tokens` overrides each model's documented minimum."""

    min_tokens: int | None = None
    clock: Callable[[], float] = time.monotonic
    # By hash: when the entry ends, and how long each use prolongs it.
    _entries: dict[str, tuple[float, float]] = field(default_factory=dict)

    def read(self, prompt: Prompt) -> Reading:
        """What `prompt` finds in the cache and would leave there; the cache stays as it is."""
        hashes, totals = _prefixes(prompt)
        breakpoints = sorted(_breakpoints(prompt))
        now = self.clock()
        hit = -1
        for place, _ in breakpoints:
            for earlier in range(place, max(place - LOOKBACK_BLOCKS, -1), -1):
                if earlier > hit and self._lives(hashes[earlier], now):
                    hit = earlier
        start = read = totals[hit] if hit >= 0 else 0
        minimum = prompt.traits.min_cacheable if self.min_tokens is None else self.min_tokens
        written = dict.fromkeys(TTL_SECONDS, 0)
        touched = [(hashes[hit], self._entries[hashes[hit]][1])] if hit >= 0 else []
        for place, ttl in breakpoints:
            if totals[place] < minimum:
                continue
            touched.append((hashes[place], TTL_SECONDS[ttl]))
            written[ttl] += max(0, totals[place] - start)
            start = max(start, totals[place])
        return Reading(read, written, prompt.tokens - start, tuple(touched))

    def keep(self, reading: Reading) -> None:
        """Write `reading`'s entries and refresh those it used: the answer has begun."""
        now = self.clock()
        for entry, seconds in reading.touched:
            end, lifetime = self._entries.get(entry, (0.0, 0.0))
            self._entries[entry] = (max(end, now + seconds), max(lifetime, seconds))
        if len(self._entries) > _MAX_ENTRIES:
            self._entries = {e: v for e, v in self._entries.items() if v[0] > now}

    def _lives(self, entry: str, now: float) -> bool:
        return entry in self._entries and self._entries[entry][0] > now


def _prefixes(prompt: Prompt) -> tuple[list[str], list[int]]:
    """For each block, the hash and the tokens of the prompt up to it."""
    # A change of the output's format changes the system prompt that the service writes.
    form = (prompt.body.get("output_config") or {}).get("format")
    running = digest_of([prompt.traits.id, canonical(form)])
    total = 0
    hashes, totals = [], []
    for piece in prompt.pieces:
        running = digest_of([running, piece.text])
        total += estimate(piece.text)
        hashes.append(running)
        totals.append(total)
    return hashes, totals


def _breakpoints(prompt: Prompt) -> Iterator[tuple[int, str]]:
    """The places of the cache breakpoints, with their TTL; a top-level one marks the last block
    that can be cached."""
    pieces = prompt.pieces
    for place, piece in enumerate(pieces):
        if piece.sent.get("cache_control"):
            yield place, piece.sent["cache_control"].get("ttl", "5m")
    top = prompt.body.get("cache_control")
    last = next((n for n in reversed(range(len(pieces))) if not pieces[n].thinks), None)
    if top and last is not None and not pieces[last].sent.get("cache_control"):
        yield last, top.get("ttl", "5m")
