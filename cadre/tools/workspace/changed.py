"""Which files differ between two states of a workspace."""

from __future__ import annotations

from collections.abc import Iterator

from cadre.tools.workspace.objects import Entry, ObjectDatabase


def changed_paths(
    database: ObjectDatabase, old: bytes, new: bytes, prefix: bytes = b""
) -> Iterator[bytes]:
    """Every path that is made, removed, or another file or mode in tree `new` than in `old`."""
    if old == new:
        return
    before, after = database.tree(old), database.tree(new)
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        path = prefix + name
        if was is not None and now is not None and was.is_tree and now.is_tree:
            yield from changed_paths(database, was.oid, now.oid, path + b"/")
            continue
        for entry in (was, now):
            if entry is not None:
                yield from _all(database, entry, path)


def _all(database: ObjectDatabase, entry: Entry, path: bytes) -> Iterator[bytes]:
    if not entry.is_tree:
        yield path
        return
    for below, _ in database.walk(entry.oid, path + b"/"):
        yield below
