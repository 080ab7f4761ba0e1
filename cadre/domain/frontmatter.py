"""Markdown with YAML frontmatter, as people really write it.

Strict YAML first. Much frontmatter in the wild is not YAML (a description with a colon, quotes or
examples in it, unquoted), so what YAML refuses is read line by line: a known key at the start of
a line begins a value, whatever follows belongs to it. Values are text, lists or maps of text;
no type is guessed, and anchors, aliases and tags are refused, so that nothing expands.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import yaml

from cadre.domain.errors import CadreError, ErrorKind

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16

FENCE = "---"
KEY_LINE = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]|$)")


@dataclass(frozen=True)
class Entry:
    """A top-level value of the frontmatter, and the line of the file that it begins on."""

    value: object
    line: int


@dataclass(frozen=True)
class Document:
    """A file's frontmatter by key, and the text under it, which begins on `body_line`."""

    entries: dict[str, Entry]
    body: str
    body_line: int


def malformed(source: str, line: int, reason: str) -> CadreError:
    """The refusal of a file: `<source>:<line>: <reason>`."""
    return CadreError(ErrorKind.WRONG_INPUT, f"{source}:{line}: {reason}")


def shown(text: str, limit: int = 60) -> str:
    """Foreign text as part of one printable line of ours."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def parse_document(data: bytes, source: str, known: Collection[str]) -> Document:
    """Read `data` (UTF-8, at most 64 KiB); `known` are the keys that a lenient reading looks for.

    Raises WRONG_INPUT where there is no frontmatter, where it has no end, or where it is a bomb.
    """
    lines = _text(data, source).split("\n")
    if lines[0].rstrip() != FENCE:
        raise malformed(source, 1, "no frontmatter: the first line must be ---")
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), None)
    if end is None:
        raise malformed(source, 1, "the frontmatter has no end: a line --- is missing")
    entries = _entries(lines[1:end], source, known)
    return Document(entries, "\n".join(lines[end + 1 :]).strip(), end + 2)


def _text(data: bytes, source: str) -> str:
    if len(data) > MAX_BYTES:
        raise malformed(source, 1, f"{len(data)} bytes are more than the {MAX_BYTES} allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise malformed(source, line, "the file is not UTF-8 text") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise malformed(source, line, "the file holds a NUL character")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _entries(lines: list[str], source: str, known: Collection[str]) -> dict[str, Entry]:
    try:
        return _strict("\n".join(lines), source, first_line=2)
    except yaml.YAMLError:
        return _lenient(lines, source, known)


def _strict(text: str, source: str, first_line: int) -> dict[str, Entry]:
    _refuse_bombs(text, source, first_line)
    # BaseLoader makes strings, lists and maps, nothing else.
    loader = yaml.BaseLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise malformed(source, first_line, "the frontmatter must be lines `key: value`")
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            line = first_line + key_node.start_mark.line
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise malformed(source, line, "a key must be text")
            _add(entries, key, Entry(loader.construct_object(value_node, deep=True), line), source)
        return entries
    finally:
        loader.dispose()


def _refuse_bombs(text: str, source: str, first_line: int) -> None:
    """Look at YAML's events, which are read lazily and without recursion, before its values."""
    depth = 0
    for event in yaml.parse(text, yaml.BaseLoader):
        line = first_line + (event.start_mark.line if event.start_mark else 0)
        anchored = isinstance(event, yaml.NodeEvent) and event.anchor is not None
        if anchored or getattr(event, "tag", None) is not None:
            raise malformed(source, line, "anchors, aliases and tags are refused; quote the text")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise malformed(source, line, f"values are nested more than {MAX_DEPTH} deep")


def _lenient(lines: list[str], source: str, known: Collection[str]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    start, key = 0, ""
    for number, line in enumerate([*lines, FENCE]):
        found = KEY_LINE.match(line)
        # Dialogues in a description (`user: …`, `assistant: …`) look like keys too.
        begins = found is not None and (found[1] in known or key != "description")
        if not begins and line != FENCE:
            if not key and line.strip() and not line.lstrip().startswith("#"):
                raise malformed(source, number + 2, "this is not a line `key: value`")
            continue
        if key:
            value = _value(lines[start:number], source, start + 2)
            _add(entries, key, Entry(value, start + 2), source)
        start, key = number, found[1] if found else ""
    return entries


def _value(lines: list[str], source: str, first_line: int) -> object:
    """The value of one key's lines: as YAML has it, else what stands there."""
    try:
        [entry] = _strict("\n".join(lines), source, first_line).values()
        return entry.value
    except (yaml.YAMLError, ValueError):
        first = lines[0].partition(":")[2]
        return "\n".join([first, *lines[1:]]).strip()


def _add(entries: dict[str, Entry], key: str, entry: Entry, source: str) -> None:
    if key in entries:
        raise malformed(source, entry.line, f"`{shown(key)}` is given twice")
    entries[key] = entry
