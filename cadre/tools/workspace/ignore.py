"""Which untracked files git would ignore, by the rules of `.gitignore`.

An agent writes these files, so libgit2's own matcher is not used: it opens whatever lies at
that name (a FIFO blocks it for ever) and backtracks exponentially on a hostile pattern, while it
holds the interpreter's lock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cadre.domain.globs import compile_glob

# A longer rules file is read up to here, a longer line is left out: no path is that long.
MAX_RULES_BYTES = 256 * 1024
MAX_LINE_BYTES = 4096


class Pattern(NamedTuple):
    """One line of a rules file. `name_only` patterns are matched with the last name alone."""

    regex: re.Pattern[bytes]
    negated: bool
    directory_only: bool
    name_only: bool


@dataclass(frozen=True)
class Rules:
    """The rules in force in one directory: those of its own file go before its parents'."""

    patterns: tuple[Pattern, ...]
    base: bytes = b""  # the directory of the file, with a slash at its end unless it is the root
    parent: Rules | None = None

    def ignores(self, path: bytes, *, directory: bool) -> bool:
        """Whether untracked `path`, relative to the root, is ignored by its own name.

        Nothing in an ignored directory can be taken in again; that is for the caller to apply.
        """
        rules: Rules | None = self
        name = path.rpartition(b"/")[2]
        while rules is not None:
            relative = path[len(rules.base) :]
            for pattern in reversed(rules.patterns):
                if pattern.directory_only and not directory:
                    continue
                if pattern.regex.fullmatch(name if pattern.name_only else relative):
                    return not pattern.negated
            rules = rules.parent
        return False


@lru_cache(maxsize=256)
def parse(data: bytes) -> tuple[Pattern, ...]:
    """The patterns of a rules file, in its order."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return tuple(p for p in map(_pattern, lines) if p is not None)


def literal(path: bytes) -> bytes:
    """A line that matches `path`, relative to the root, alone (but for a line's end in it)."""
    escaped = re.sub(rb"([\\*?\[\] #!])", rb"\\\1", path)
    # A line cannot hold its own end, so that is any one byte.
    escaped = escaped.replace(b"\r", b"[\r]").replace(b"\n", b"?")
    return b"/" + escaped


def _pattern(line: bytes) -> Pattern | None:
    line = line.removesuffix(b"\r")
    while line.endswith(b" ") and (len(line[:-1]) - len(line[:-1].rstrip(b"\\"))) % 2 == 0:
        line = line[:-1]
    negated = line.startswith(b"!")
    body = line[1:] if negated else line
    if not body or line.startswith(b"#") or len(line) > MAX_LINE_BYTES:
        return None
    directory_only = body.endswith(b"/")
    body = body[:-1] if directory_only else body
    name_only = b"/" not in body
    regex = compile_glob(body.removeprefix(b"/"))
    return Pattern(regex, negated, directory_only, name_only)
