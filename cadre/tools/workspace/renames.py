"""Files that a branch renamed, as git finds them: gone here, new there, and alike.

Equal files are found whatever their number. Files that were changed as well are compared with
each other within bounds, and count as renamed where at least half of the larger one is in the
smaller one. A directory that was renamed is its files, each by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple, TypeGuard

from cadre.tools.workspace.loose import object_id
from cadre.tools.workspace.objects import LINK, SUBMODULE, Entry, ObjectDatabase

MAX_COMPARED_PAIRS = 10_000
MAX_COMPARED_BYTES = 8 * 1024 * 1024
ALIKE = 0.5
# Files that alone bear a name are taken for each other before all others are compared.
ALIKE_BY_NAME = 0.75
# Lines, long ones in pieces.
_PIECES = re.compile(rb"[^\n]{0,63}\n|[^\n]{1,64}")

_EMPTY = object_id("blob", b"")

Changes = Mapping[bytes, tuple[Entry | None, Entry | None]]


class _Pieces(NamedTuple):
    size: int
    counts: Counter[bytes]


def find_renames(database: ObjectDatabase, changes: Changes) -> dict[bytes, bytes]:
    """The new path of each renamed file, by its old one. `changes` are a branch's paths with the
    entry that they had and the one that they have."""
    gone = {path: old.oid for path, (old, new) in changes.items() if new is None and _moves(old)}
    new = {path: new.oid for path, (old, new) in changes.items() if old is None and _moves(new)}
    found = _equal(gone, new)
    gone = {path: oid for path, oid in gone.items() if path not in found}
    taken = set(found.values())
    new = {path: oid for path, oid in new.items() if path not in taken}
    return found | _alike(database, gone, new)


def _moves(entry: Entry | None) -> TypeGuard[Entry]:
    """Whether it is a regular file with something in it: all empty files are equal."""
    return entry is not None and entry.mode not in {LINK, SUBMODULE} and entry.oid != _EMPTY


def _equal(gone: Mapping[bytes, bytes], new: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    free: dict[bytes, list[bytes]] = {}
    for path, oid in sorted(gone.items(), reverse=True):
        free.setdefault(oid, []).append(path)
    for path, oid in sorted(new.items()):
        sources = free.get(oid)
        if sources:
            same_name = [source for source in sources if _name(source) == _name(path)]
            source = (same_name or sources)[-1]
            sources.remove(source)
            found[source] = path
    return found


def _alike(
    database: ObjectDatabase, gone: Mapping[bytes, bytes], new: Mapping[bytes, bytes]
) -> dict[bytes, bytes]:
    """Pairs of files that were changed as well; none where there is too much to compare."""
    size = sum(database.size(oid) for oid in (*gone.values(), *new.values()))
    if len(gone) * len(new) > MAX_COMPARED_PAIRS or size > MAX_COMPARED_BYTES:
        return {}
    before = {path: _pieces(database.read(oid)) for path, oid in gone.items()}
    after = {path: _pieces(database.read(oid)) for path, oid in new.items()}
    names = Counter(map(_name, gone)), Counter(map(_name, new))
    pairs = [
        (_likeness(before[old], after[path]), _name(old) == _name(path), old, path)
        for old, path in product(before, after)
    ]
    alone = [
        pair
        for pair in pairs
        if pair[1] and pair[0] >= ALIKE_BY_NAME and all(n[_name(pair[2])] == 1 for n in names)
    ]
    rest = [pair for pair in pairs if pair[0] >= ALIKE]
    return _pick([*sorted(alone), *sorted(rest, key=lambda p: (-p[0], not p[1], p[2], p[3]))])


def _pick(pairs: Iterable[tuple[float, bool, bytes, bytes]]) -> dict[bytes, bytes]:
    """The first pair of each file."""
    found: dict[bytes, bytes] = {}
    taken = set[bytes]()
    for _, _, old, new in pairs:
        if old not in found and new not in taken:
            found[old] = new
            taken.add(new)
    return found


def _pieces(data: bytes) -> _Pieces:
    return _Pieces(len(data), Counter(_PIECES.findall(data)))


def _likeness(old: _Pieces, new: _Pieces) -> float:
    """How much of the larger file is in the other one, from 0 to 1."""
    larger = max(old.size, new.size)
    if min(old.size, new.size) < ALIKE * larger:
        return 0.0
    common = old.counts & new.counts
    return sum(len(piece) * count for piece, count in common.items()) / larger


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]
