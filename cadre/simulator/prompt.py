"""A request's prompt as the model sees it: one row of blocks, tools first, then system, then
messages. What a block says counts, not how it was written: the cache and the thinking rules
compare blocks in their normal form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cadre.simulator.errors import Json
from cadre.simulator.models import ADAPTIVE, BETWEEN, ENABLED, Traits

# A token is taken for four characters, so counts are estimates of the right order.
CHARACTERS_PER_TOKEN = 4
_KEPT = {
    "text": ("type", "text"),
    "tool_use": ("type", "id", "name", "input"),
    "tool_result": ("type", "tool_use_id", "content", "is_error"),
    "thinking": ("type", "thinking", "signature"),
}


def estimate(text: str) -> int:
    """Tokens of `text`, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def canonical(value: object) -> str:
    """JSON in which equal values look the same."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def as_blocks(content: Any) -> list[Json]:
    """Content as blocks; a string is short for one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def normal(block: Json) -> Json:
    """What `block` says, without what does not change the prompt (`cache_control`, nulls)."""
    kept = _KEPT.get(str(block.get("type")))
    said = {k: v for k, v in block.items() if v is not None and (not kept or k in kept)}
    said.pop("cache_control", None)
    if said.get("type") == "tool_result":
        said["content"] = [normal(b) for b in as_blocks(said.get("content", ""))]
        said["is_error"] = bool(said.get("is_error"))
    return said


@dataclass(frozen=True)
class Piece:
    """A block at its place: `where` is `tools`, `system`, `user` or `assistant`, `path` its
    address in the request, `sent` the block as it came, `said` its normal form."""

    where: str
    path: str
    sent: Json
    said: Json

    @property
    def message(self) -> str:
        """The address of what holds the block: `messages.2.content` for one in a message."""
        return self.path.rpartition(".")[0]

    @property
    def thinks(self) -> bool:
        """Whether this is a thinking block."""
        return self.said.get("type") in {"thinking", "redacted_thinking"}

    @cached_property
    def text(self) -> str:
        """The piece as text, to hash and to count."""
        return f"{self.where}:{canonical(self.said)}"


@dataclass(frozen=True)
class Turn:
    """Consecutive messages of one role, which the service takes for one."""

    role: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Prompt:
    """A checked request body with its model's traits."""

    body: Json
    traits: Traits

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """All blocks, in the order in which they make up the prompt."""
        tools = _pieces("tools", "tools", self.body.get("tools") or [])
        system = _pieces("system", "system", as_blocks(self.body.get("system") or []))
        return (*tools, *system, *(piece for turn in self.turns for piece in turn.pieces))

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The messages, consecutive ones of the same role joined."""
        turns: list[Turn] = []
        for index, message in enumerate(self.body["messages"]):
            role = message["role"]
            blocks = as_blocks(message["content"])
            pieces = tuple(_pieces(role, f"messages.{index}.content", blocks))
            if turns and turns[-1].role == role:
                turns[-1] = Turn(role, turns[-1].pieces + pieces)
            else:
                turns.append(Turn(role, pieces))
        return tuple(turns)

    @cached_property
    def tokens(self) -> int:
        """The whole prompt's size."""
        return sum(estimate(piece.text) for piece in self.pieces)

    @cached_property
    def digest(self) -> str:
        """A hash of the whole prompt; a retry has the same."""
        return digest_of(piece.text for piece in self.pieces)

    def digest_with(self, answer: Iterable[Json]) -> str:
        """The digest of the prompt that goes on with this answer's blocks."""
        return digest_of(p.text for p in (*self.pieces, *_pieces("assistant", "", answer)))

    @property
    def thinking(self) -> str | None:
        """The thinking mode in force, or None where the model does not think."""
        asked = (self.body.get("thinking") or {}).get("type")
        if asked is None:
            return ADAPTIVE if self.traits.thinks else None
        return asked if asked in {ADAPTIVE, ENABLED, BETWEEN} else None

    @property
    def shows_thinking(self) -> bool:
        """Whether the thinking's text is sent, or only its signature."""
        display = (self.body.get("thinking") or {}).get("display")
        return self.traits.shows_thinking if display is None else display == "summarized"


def digest_of(texts: Iterable[str]) -> str:
    """A hash of a row of texts."""
    total = hashlib.sha256()
    for text in texts:
        total.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return total.hexdigest()[:32]


def _pieces(where: str, path: str, blocks: Iterable[Json]) -> Iterator[Piece]:
    for index, block in enumerate(blocks):
        yield Piece(where, f"{path}.{index}", block, normal(block))
