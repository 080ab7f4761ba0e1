"""What a run changed: as a diff to read, as its size, and as a commit.

Diffs are made from trees in the run's repository, whose attributes and configuration are the
engine's: no `.gitattributes` can hide a change from a reader, and no driver runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pygit2
from pygit2.enums import DiffFind, ObjectType

from cadre.domain.workspaces import CommitChange, DiffStat
from cadre.tools.workspace.entries import show
from cadre.tools.workspace.objects import SUBMODULE, ObjectDatabase

MAX_DIFF_BYTES = 60 * 1024
# Comparing is done with the interpreter's lock held, so a longer file is only named.
MAX_COMPARED_BYTES = 512 * 1024
MAX_NOTES = 200
_EMAIL_DOMAIN = "cadre.invalid"


@dataclass(frozen=True)
class Described:
    """A change as a unified diff of at most about `MAX_DIFF_BYTES`, and its size.

    Files that are not compared (binary, or too large) count with no lines.
    """

    diff: str
    stat: DiffStat


@dataclass(frozen=True)
class _FileDiff:
    path: str
    text: bytes | None  # None where the file is not compared, `why` says why
    why: str
    insertions: int
    deletions: int


def describe(database: ObjectDatabase, old: bytes, new: bytes) -> Described:
    """How tree `new` differs from tree `old`."""
    shown, notes = list[str](), list[str]()
    files = insertions = deletions = 0
    left = MAX_DIFF_BYTES
    for file in _compare(database, old, new):
        files += 1
        insertions += file.insertions
        deletions += file.deletions
        if file.text is None:
            notes.append(f"# {file.path}: {file.why}, not shown")
            continue
        part = _cut(file.text, left)
        left -= len(part)
        if part:
            shown.append(part.decode(errors="replace"))
        if len(part) < len(file.text):
            lines = file.insertions + file.deletions
            how = "cut here" if part else "not shown"
            note = f"# {file.path}: {how}, {lines} changed lines, the diff is too long"
            (shown if part else notes).append(note + "\n")
    if len(notes) > MAX_NOTES:
        notes[MAX_NOTES:] = [f"# and {len(notes) - MAX_NOTES} more files, not shown"]
    text = "".join(shown) + "".join(note.rstrip("\n") + "\n" for note in notes)
    return Described(text, DiffStat(files=files, insertions=insertions, deletions=deletions))


def commit(database: ObjectDatabase, request: CommitChange) -> str:
    """Commit a snapshot on its parents and return the commit's ID; that of an only parent, if all
    is equal.

    The same request gives the same commit. No reference is made.
    """
    trees = [str(database.commit(parent).tree.id) for parent in request.parents]
    if trees == [request.snapshot]:
        return request.parents[0]
    local = re.sub(r"[^a-z0-9._-]+", "-", request.author.lower()).strip("-.") or "agent"
    name = re.sub(r"[<>\n\r\0]+", " ", request.author).strip() or local
    when = request.seconds_since_epoch
    author = pygit2.Signature(name, f"{local}@{_EMAIL_DOMAIN}", when, 0)
    committer = pygit2.Signature("Cadre", f"cadre@{_EMAIL_DOMAIN}", when, 0)
    oid = database.repository.create_commit(
        None, author, committer, _message(request, name), request.snapshot, list(request.parents)
    )
    return str(oid)


def _message(request: CommitChange, author: str) -> str:
    subject = " ".join(_printable(request.subject).split()) or "Change files"
    body = _printable(request.body).strip()
    trailers = f"Cadre-Run: {request.workspace.run}\nCadre-Agent: {author}\n"
    return "\n\n".join(part for part in (subject, body, trailers) if part)


def _printable(text: str) -> str:
    kept = "".join(char for char in text if char in "\n\t" or char.isprintable())
    return kept.encode(errors="replace").decode()


def _compare(database: ObjectDatabase, old: bytes, new: bytes) -> Iterator[_FileDiff]:
    repository = database.repository
    before = repository[pygit2.Oid(raw=old)].peel(pygit2.Tree)
    diff = before.diff_to_tree(repository[pygit2.Oid(raw=new)].peel(pygit2.Tree))
    diff.find_similar(DiffFind.FIND_RENAMES | DiffFind.FIND_EXACT_MATCH_ONLY)
    for number, delta in enumerate(diff.deltas):
        path = show(delta.new_file.raw_path)
        sides = [f for f in (delta.old_file, delta.new_file) if f.id.raw != bytes(20)]
        if any(f.mode == SUBMODULE for f in sides):
            yield _FileDiff(path, None, "a submodule", 0, 0)
            continue
        if any(database.size(f.id.raw) > MAX_COMPARED_BYTES for f in sides):
            yield _FileDiff(path, None, f"changed, over {MAX_COMPARED_BYTES // 1024} KB", 0, 0)
            continue
        patch = diff[number]
        if patch is None or patch.delta.is_binary:
            yield _FileDiff(path, None, f"binary, {delta.status.name.lower()}", 0, 0)
            continue
        _, insertions, deletions = patch.line_stats
        yield _FileDiff(path, patch.data, "", insertions, deletions)


def _cut(text: bytes, size: int) -> bytes:
    """As many whole lines of `text` as fit in `size` bytes."""
    return text if len(text) <= size else text[: text.rfind(b"\n", 0, size) + 1]


def reachable(database: ObjectDatabase, tree: bytes, known: bytes) -> Iterator[tuple[bytes, str]]:
    """The objects of `tree` that differ from tree `known`, contents before what names them."""
    if tree == known:
        return
    before = database.tree(known)
    for name, entry in database.tree(tree).items():
        was = before.get(name)
        if entry.mode == SUBMODULE or (was is not None and was.oid == entry.oid):
            continue
        if entry.is_tree:
            empty = database.write_tree({})
            inner = was.oid if was is not None and was.is_tree else empty
            yield from reachable(database, entry.oid, inner)
        else:
            yield entry.oid, ObjectType.BLOB.name.lower()
    yield tree, ObjectType.TREE.name.lower()
