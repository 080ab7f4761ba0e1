"""A three-way merge of one file's content, by the very code that git has for it.

pygit2's own call decodes the result as UTF-8 and takes no labels, so libgit2's function is called
as pygit2 calls it. It frees the interpreter's lock meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pygit2
from pygit2.enums import MergeFileFlag
from pygit2.ffi import C, ffi

from cadre.domain.integration import BASE, OUR_LABEL, OURS, THEIRS
from cadre.tools.workspace.objects import FILE, ObjectDatabase

# Beyond this, and where the first bytes hold a NUL, a file is not taken apart into lines.
MAX_MERGED_BYTES = 1024 * 1024
_LOOKED_AT_BYTES = 8000
_OPTIONS_VERSION = 1
_MARKERS = (f"<<<<<<< {OURS}".encode(), f">>>>>>> {THEIRS}".encode())


@dataclass(frozen=True)
class Text:
    """Merged content; with conflict markers in it unless it is `clean`."""

    data: bytes
    clean: bool


@dataclass(frozen=True)
class Sides:
    """The blobs of a merge; `base` is None where the sides have no common one."""

    base: bytes | None
    ours: bytes
    theirs: bytes

    def are_text(self, database: ObjectDatabase) -> bool:
        """Whether they can be merged line by line."""
        given = [oid for oid in (self.base, self.ours, self.theirs) if oid is not None]
        if any(database.size(oid) > MAX_MERGED_BYTES for oid in given):
            return False
        return not any(b"\0" in database.read(oid)[:_LOOKED_AT_BYTES] for oid in given)


def merge_text(database: ObjectDatabase, sides: Sides, label: str) -> Text:
    """Merge blobs that `are_text`; `label` is what markers call their side.

    Conflicts show the base too, where it has lines: whoever resolves them needs to see what each
    side changed.
    """
    has_base = sides.base is not None and database.size(sides.base) > 0
    style = MergeFileFlag.STYLE_ZDIFF3 if has_base else MergeFileFlag.STYLE_MERGE
    merged = _merge(database, sides, label, style)
    if merged.clean:
        return merged
    return Text(_labelled(database, sides, label, merged.data), clean=False)


def has_markers(data: bytes) -> bool:
    """Whether the first or the last line of a conflict is there, as a merge writes them."""
    return any(data.startswith(line) or b"\n" + line in data for line in _MARKERS)


def _merge(database: ObjectDatabase, sides: Sides, label: str, style: MergeFileFlag) -> Text:
    labels = [ffi.new("char[]", text.encode()) for text in (BASE, OUR_LABEL, THEIRS + label)]
    options = ffi.new("git_merge_file_options *")
    options.version = _OPTIONS_VERSION
    options.ancestor_label, options.our_label, options.their_label = labels
    options.flags = int(style)
    path = ffi.new("char[]", b"file")
    given = (sides.base, sides.ours, sides.theirs)
    entries = [ffi.NULL if oid is None else _entry(oid, path) for oid in given]
    result = ffi.new("git_merge_file_result *")
    repository: Any = database.repository
    failed = C.git_merge_file_from_index(result, repository._repo, *entries, options)
    if failed:
        raise pygit2.GitError(f"libgit2 could not merge a file ({failed})")
    try:
        data = b"" if result.ptr == ffi.NULL else bytes(ffi.buffer(result.ptr, result.len))
        return Text(data, bool(result.automergeable))
    finally:
        C.git_merge_file_result_free(result)


def _entry(oid: bytes, path: Any) -> Any:
    entry = ffi.new("git_index_entry *")
    ffi.buffer(ffi.addressof(entry, "id"))[:] = oid
    entry.mode = FILE
    entry.path = path
    return entry


def _labelled(database: ObjectDatabase, sides: Sides, label: str, data: bytes) -> bytes:
    """Put in the labels that libgit2 leaves out of an empty side; all is one conflict then."""
    if not database.size(sides.ours):
        data = b"<<<<<<< " + OUR_LABEL.encode() + data.removeprefix(b"<<<<<<<")
    if not database.size(sides.theirs):
        end = data.rindex(b">>>>>>>") + len(b">>>>>>>")
        data = data[:end] + f" {THEIRS}{label}".encode() + data[end:]
    return data
