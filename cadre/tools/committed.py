"""Files of a commit, read as objects: no link is followed and nothing is checked out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import pygit2
from pygit2.enums import FileMode

from cadre.domain.frontmatter import malformed

MAX_DIRECTORY_DEPTH = 4


def markdown(
    tree: pygit2.Tree, path: PurePosixPath, depth: int = 0
) -> Iterator[tuple[PurePosixPath, pygit2.Object]]:
    """The Markdown files under a tree, in git's order, subdirectories included."""
    for entry in tree:
        name = path / (entry.raw_name or b"").decode("utf-8", "replace")
        if isinstance(entry, pygit2.Tree):
            if depth < MAX_DIRECTORY_DEPTH:
                yield from markdown(entry, name, depth + 1)
        elif name.suffix == ".md":
            yield name, entry


def lookup(tree: pygit2.Tree, path: str) -> pygit2.Object | None:
    """What lies at a path of a tree; None for nothing."""
    try:
        return tree[path]
    except KeyError:
        return None


def read_file(
    opened: pygit2.Repository, entry: pygit2.Object, source: str, limit: int, notes: list[str]
) -> bytes | None:
    """A regular file's bytes; None, with a note, for anything else. Too large is an error."""
    if entry.filemode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
        notes.append(f"{source} is left out: it is not a regular file")
        return None
    try:
        _, size = opened.odb.read_header(entry.id)
        data = opened.odb.read(entry.id)[1] if size <= limit else None
    except KeyError:
        notes.append(f"{source} is left out: its content is not in the repository")
        return None
    if data is None:
        raise malformed(source, 1, f"{size} bytes are more than the {limit} allowed")
    return data
