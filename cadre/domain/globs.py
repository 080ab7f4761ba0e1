"""Git's path patterns as regular expressions.

Every group is atomic, so that matching takes time linear in the pattern for each position in the
path: a pattern may be hostile.
"""

from __future__ import annotations

import re

NEVER = re.compile(rb"(?!)")
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


def compile_glob(pattern: bytes) -> re.Pattern[bytes]:
    """The regular expression of a path pattern, where `**` stands for any number of names."""
    segments = _segments(pattern)
    if b"" in segments:
        return NEVER
    runs: list[list[bytes]] = [[]]
    for segment in segments:
        if segment == b"**":
            if len(runs) == 1 or runs[-1]:
                runs.append([])
            continue
        translated = _segment(segment)
        if translated is None:
            return NEVER
        runs[-1].append(translated)
    first, last = b"/".join(runs[0]), b"/".join(runs[-1])
    if len(runs) == 1:
        return re.compile(first, re.DOTALL)
    # Between two `**`, the leftmost match leaves most room for the rest, so it is final.
    middle = [b"(?>(?:[^/]+/)*?" + b"/".join(run) + b"/)" for run in runs[1:-1]]
    head = first + b"/" if first else b""
    tail = b"(?:[^/]+/)*" + last if last else b".+"
    return re.compile(head + b"".join(middle) + tail, re.DOTALL)


def _segments(body: bytes) -> list[bytes]:
    """A pattern's names: split at its slashes, but not at those in brackets."""
    parts, position = [b""], 0
    while position < len(body):
        end = position + 1
        if body[position] == ord("\\"):
            end += 1
        elif body[position] == ord("["):
            found = _bracket(body, end)
            end = end if found is None else found[1]
        piece, position = body[position:end], end
        if piece in {b"/", b"\\/"}:
            parts.append(b"")
        else:
            parts[-1] += piece
    return parts


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
        if glob[position : position + 1] == b"-" and glob[position + 1 : position + 2] != b"]":
            if position + 1 == len(glob):
                return None
            high, position = _member(glob, position + 1)
        members |= {low, *range(low, high + 1)}
    return None


def _member(glob: bytes, position: int) -> tuple[int, int]:
    if glob[position] == ord("\\") and position + 1 < len(glob):
        position += 1
    return glob[position], position + 1
