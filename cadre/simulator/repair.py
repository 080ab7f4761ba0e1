"""Finds, by parsing what was read, an overlap test that takes touching intervals for overlapping
ones, and what to write in its place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_CONTEXT_LINES = 3


@dataclass(frozen=True)
class Defect:
    """A faulty expression: its line (from 1), its text and the right one (each in one line), and
    the lines that an edit replaces, which stand in the file only once."""

    line: int
    expression: str
    correct: str
    old: str
    new: str


@dataclass(frozen=True)
class _Comparison:
    """`lesser < greater` (or `<=`), however it was written; `operator` is its place in the file
    as a range of bytes."""

    lesser: str
    greater: str
    strict: bool
    operator: tuple[int, int]


def find_defect(source: str) -> Defect | None:
    """The first defect in a Python file, or None: `a.start <= b.end and b.start <= a.end` counts
    intervals that only touch, whatever the names."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    data = source.encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            pair = [c for value in node.values if (c := _comparison(value, source))]
            if len(node.values) == len(pair) == 2 and _cross(*pair):
                loose = [c.operator for c in pair if not c.strict]
                if loose:
                    return _defect(node, data, loose)
    return None


def _comparison(node: ast.expr, source: str) -> _Comparison | None:
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return None
    left, right, operator = node.left, node.comparators[0], node.ops[0]
    place = (_offset(source, left, end=True), _offset(source, right, end=False))
    if isinstance(operator, ast.Lt | ast.LtE):
        strict = isinstance(operator, ast.Lt)
        return _Comparison(ast.unparse(left), ast.unparse(right), strict, place)
    if isinstance(operator, ast.Gt | ast.GtE):
        strict = isinstance(operator, ast.Gt)
        return _Comparison(ast.unparse(right), ast.unparse(left), strict, place)
    return None


def _cross(one: _Comparison, other: _Comparison) -> bool:
    """Whether two comparisons hold each one's start against the other one's end."""

    def split(name: str) -> tuple[str, str]:
        owner, _, attribute = name.rpartition(".")
        return owner, attribute

    start_a, end_b = split(one.lesser), split(one.greater)
    start_b, end_a = split(other.lesser), split(other.greater)
    owners_cross = start_a[0] == end_a[0] != start_b[0] == end_b[0]
    return bool(owners_cross and start_a[1] == start_b[1] and end_a[1] == end_b[1])


def _defect(node: ast.expr, data: bytes, operators: list[tuple[int, int]]) -> Defect | None:
    text = data.decode()
    begin, end = _offset(text, node, end=False), _offset(text, node, end=True)
    expression = data[begin:end]
    fixed = bytearray(data)
    for start, stop in sorted(operators, reverse=True):
        fixed[start:stop] = data[start:stop].replace(b"=", b"")
    correct = bytes(fixed[begin : end - (len(data) - len(fixed))])
    for first, last in _spans(data, begin, end):
        old = data[first:last]
        if data.count(old) == 1:
            new = data[first:begin] + correct + data[end:last]
            shown, right = (" ".join(part.decode().split()) for part in (expression, correct))
            return Defect(node.lineno, shown, right, old.decode(), new.decode())
    return None


def _spans(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The whole lines of a range, then with more and more lines before them."""
    stop = data.find(b"\n", end)
    last = len(data) if stop < 0 else stop
    first = data.rfind(b"\n", 0, begin) + 1
    for _ in range(_MAX_CONTEXT_LINES):
        yield first, last
        first = data.rfind(b"\n", 0, max(first - 1, 0)) + 1


def _offset(source: str, node: ast.expr, *, end: bool) -> int:
    """Where a node begins or ends, in bytes; the parser counts columns in bytes."""
    line = (node.end_lineno if end else node.lineno) or 1
    column = (node.end_col_offset if end else node.col_offset) or 0
    return sum(len(text.encode()) for text in source.splitlines(keepends=True)[: line - 1]) + column


def sources(listing: str) -> str:
    """A file's text from lines as `Read` gives them: number, tab, text."""
    lines = [line.partition("\t") for line in listing.splitlines()]
    kept = [text for number, tab, text in lines if tab and number.strip().isdigit()]
    return "".join(f"{line}\n" for line in kept)
