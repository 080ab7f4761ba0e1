"""Which untracked files git would ignore, by the rules of `.gitignore`.

An agent writes these files, so libgit2's own matcher is not used: it opens whatever lies at
that name (a FIFO blocks it for ever) and backtracks exponentially on a hostile pattern, while it
holds the interpreter's lock. Here every pattern becomes one regular expression whose groups are
atomic, so that matching takes time linear in the pattern for each position in the path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

# A longer rules file is read up to here, a longer line is left out: no path is that long.
MAX_RULES_BYTES = 256 * 1024
MAX_LINE_BYTES = 4096
_NEVER = re.compile(rb"(?!)")
_ANY = frozenset(range(256)) - {ord("/")}
_CLASSES = {
    b"digit": rb"0-9",
    b"lower": rb"a-z",
    b"upper": rb"A-Z",
    b"alpha": rb"a-zA-Z",
    b"alnum": rb"a-zA-Z0-9",
    b"xdigit": rb"0-9a-fA-F",
    b"blank": rb" \t",
    b"space": rb"\t-\r ",
    b"punct": rb"!-/:-@\[-`{-~",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"graph": rb"!-~",
    b"print": rb" -~",
}


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


def literal(path: bytes, *, directory: bool) -> bytes:
    """A line that matches `path`, relative to the root, and nothing else (but for
    a line's end in it)."""
    escaped = re.sub(rb"([\\*?\[\] #!])", rb"\\\1", path)
    # A line cannot hold its own end, so that is any one byte.
    escaped = escaped.replace(b"\r", b"[\r]").replace(b"\n", b"?")
    return b"/" + escaped + (b"/" if directory else b"")


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
    segments = body.removeprefix(b"/").split(b"/")
    return Pattern(_compile(segments), negated, directory_only, name_only)


def _compile(segments: list[bytes]) -> re.Pattern[bytes]:
    """The regular expression of a path pattern, where `**` stands for any number of names."""
    if b"" in segments:
        return _NEVER
    runs: list[list[bytes]] = [[]]
    for segment in segments:
        if segment == b"**" and len(segments) > 1:
            if len(runs) == 1 or runs[-1]:
                runs.append([])
            continue
        translated = _segment(segment)
        if translated is None:
            return _NEVER
        runs[-1].append(translated)
    first, last = b"/".join(runs[0]), b"/".join(runs[-1])
    if len(runs) == 1:
        return re.compile(first, re.DOTALL)
    # Between two `**`, the leftmost match leaves most room for the rest, so it is final.
    middle = [b"(?>(?:[^/]+/)*?" + b"/".join(run) + b"/)" for run in runs[1:-1]]
    head = first + b"/" if first else b""
    tail = b"(?:[^/]+/)*" + last if last else b".+"
    return re.compile(head + b"".join(middle) + tail, re.DOTALL)


def _segment(glob: bytes) -> bytes | None:
    """One name's glob as a regular expression, or None where it can never match."""
    chunks: list[bytes] = [b""]
    position = 0
    while position < len(glob):
        char = glob[position : position + 1]
        position += 1
        if char == b"*":
            chunks.append(b"")
        elif char == b"?":
            chunks[-1] += b"[^/]"
        elif char == b"[":
            found = _bracket(glob, position)
            if found is None:
                return None
            members, position = found
            chunks[-1] += members
        elif char == b"\\":
            if position == len(glob):
                return None
            chunks[-1] += re.escape(glob[position : position + 1])
            position += 1
        else:
            chunks[-1] += re.escape(char)
    if len(chunks) == 1:
        return chunks[0]
    inner = b"".join(b"(?>[^/]*?" + chunk + b")" for chunk in chunks[1:-1] if chunk)
    return chunks[0] + inner + b"[^/]*" + chunks[-1]


def _bracket(glob: bytes, start: int) -> tuple[bytes, int] | None:
    """A bracket expression that opened before `start`, and where it ends; None if it does not."""
    position = start
    negated = glob[position : position + 1] in {b"!", b"^"}
    position += negated
    members: set[int] = set()
    first = position
    while position < len(glob):
        if glob[position] == ord("]") and position > first:
            chosen = _ANY - members if negated else members & _ANY
            body = b"".join(b"\\x%02x" % value for value in sorted(chosen))
            return (b"[" + body + b"]" if body else b"(?!)"), position + 1
        named = re.compile(rb"\[:([a-z]*):\]").match(glob, position)
        if named:
            if named[1] not in _CLASSES:
                return None
            found = re.compile(b"[" + _CLASSES[named[1]] + b"]")
            members |= {value for value in range(256) if found.match(bytes([value]))}
            position = named.end()
            continue
        low, position = _member(glob, position)
        high = low
        if glob[position : position + 1] == b"-" and glob[position + 1 : position + 2] not in {
            b"",
            b"]",
        }:
            high, position = _member(glob, position + 1)
        members |= set(range(low, high + 1))
    return None


def _member(glob: bytes, position: int) -> tuple[int, int]:
    if glob[position] == ord("\\") and position + 1 < len(glob):
        position += 1
    return glob[position], position + 1
