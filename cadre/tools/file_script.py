"""Reads and changes one file; run inside the sandbox, never imported by the engine.

It gets a marshalled request on standard input and answers with `+` or `-` (an error) and a text.
It imports next to nothing, because each call pays for that.
"""
# ruff: noqa: PTH103, PTH104, PTH108, PTH118, PTH120, PTH123 - pathlib is slow to import

from __future__ import annotations

import marshal
import os
import stat
import sys

TYPE_CHECKING = False  # as in typing, which is slow to import
if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from typing import Any

    Request = dict[str, Any]

MAX_LINES = 2000
MAX_LINE_CHARS = 2000
MAX_TEXT_BYTES = 100_000
MAX_EDIT_BYTES = 16 << 20
PIECE = 1 << 16
AROUND = 4  # lines
MAX_REGION_LINES = 40


class Refused(Exception):  # noqa: N818 - no error of the program's
    """What the model asked for cannot be done; the text says why."""


def resolve(request: Request, *, change: bool = False) -> tuple[str, str]:
    """Where the file is, links followed, and its name from the workspace's root."""
    root, given = os.path.realpath(request["root"]), request["file_path"]
    given = given.removeprefix("/workspace/")
    path = os.path.realpath(os.path.join(root, given))
    if path != root and not path.startswith(root + "/"):
        raise Refused(f"{given} is outside the workspace {root}, which is all there is.")
    shown = os.path.relpath(path, root)
    if change and ".git" in shown.lower().split("/"):
        raise Refused(f"{shown}: git's own files cannot be changed here.")
    return path, shown


def open_regular(path: str, shown: str) -> tuple[BufferedReader, os.stat_result]:
    """Open a file for reading if it is nothing but one."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise Refused(f"{shown} is a directory. Glob lists files.")
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{shown} is not a regular file.")
    if status.st_nlink > 1:
        raise Refused(f"{shown} has another name (a hard link), so it is left alone.")
    return open(fd, "rb"), status


def read(request: Request) -> str:
    """Numbered lines of a file."""
    path, shown = resolve(request)
    file, status = open_regular(path, shown)
    if b"\0" in file.peek(PIECE)[:8192]:
        raise Refused(f"{shown} is a binary file of {status.st_size} bytes.")
    first = request["offset"] or 1
    count = request["limit"] or MAX_LINES
    lines, notes, room = [], [], MAX_TEXT_BYTES
    number, cut, undecodable = 0, 0, False
    for number, (raw, longer) in enumerate(pieces(file), 1):
        if number < first or number >= first + count or room < 0:
            continue
        text = raw.rstrip(b"\r\n").decode("utf-8", "replace")
        undecodable = undecodable or "\ufffd" in text
        if number == 1:
            text = text.removeprefix("\ufeff")
        if longer or len(text) > MAX_LINE_CHARS:
            text, cut = text[:MAX_LINE_CHARS] + " [cut]", cut + 1
        line = f"{number:6}\t{text}"
        room -= len(line.encode()) + 1
        if room >= 0:
            lines.append(line)
    if not number:
        return f"{shown} is empty."
    if first > number:
        raise Refused(f"{shown} has only {number} lines.")
    last = first + len(lines) - 1
    if last < number:
        notes.append(f"lines {first} to {last} of {number}; read on with offset={last + 1}")
    if cut:
        notes.append(f"{cut} long lines cut at {MAX_LINE_CHARS} characters")
    if undecodable:
        notes.append("some bytes are not UTF-8 and shown as \ufffd")
    return "\n".join(lines + [f"[{note}]" for note in notes])


def pieces(file: BufferedReader) -> Iterator[tuple[bytes, bool]]:
    """The lines of a file, each no longer than a piece, and whether it was."""
    while raw := file.readline(PIECE):
        longer, piece = False, raw
        while piece and not piece.endswith(b"\n"):
            piece = file.readline(PIECE)
            longer = longer or bool(piece)
        yield raw, longer


def write(request: Request) -> str:
    """Replace a whole file."""
    path, shown = resolve(request, change=True)
    content, mode = request["content"].encode(), 0o644
    try:
        file, status = open_regular(path, shown)
        file.close()
        mode, done = stat.S_IMODE(status.st_mode), "Replaced"
    except FileNotFoundError:
        done = "Created"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    replace(path, content, mode)
    lines = content.count(b"\n") + (content[-1:] not in (b"", b"\n"))
    return f"{done} {shown}: {lines} lines."


def edit(request: Request) -> str:
    """Replace text in a file; all other bytes stay as they are."""
    path, shown = resolve(request, change=True)
    old, new = request["old_string"], request["new_string"]
    if old == new:
        raise Refused("old_string and new_string are the same.")
    file, status = open_regular(path, shown)
    with file:
        raw = file.read(MAX_EDIT_BYTES + 1)
    if len(raw) > MAX_EDIT_BYTES:
        raise Refused(f"{shown} is larger than {MAX_EDIT_BYTES >> 20} MiB.")
    text = raw.decode("utf-8", "surrogateescape")
    if "\r\n" in text and "\n" not in text.replace("\r\n", ""):
        old, new = (s.replace("\r\n", "\n").replace("\n", "\r\n") for s in (old, new))
    count = text.count(old)
    if count == 0:
        raise Refused(f"old_string is not in {shown}{near(text, old)}.")
    if count > 1 and not request["replace_all"]:
        raise Refused(
            f"old_string is in {shown} {count} times. Give more of the text around the one you "
            "mean, or set replace_all."
        )
    at = text.index(old)
    changed = text.replace(old, new)
    replace(path, changed.encode("utf-8", "surrogateescape"), stat.S_IMODE(status.st_mode))
    times = "" if count == 1 else f" in {count} places, the first"
    return f"Changed {shown}{times}:\n{region(changed, at, at + len(new))}"


def near(text: str, old: str) -> str:
    """A hint where only the white space differs."""
    if " ".join(old.split()) in " ".join(text.split()):
        return ", but text that differs from it in white space alone is"
    return "; read the file again"


def region(text: str, start: int, end: int) -> str:
    """The numbered lines around a change."""
    begin = max(0, text.count("\n", 0, start) - AROUND)
    behind = min(text.count("\n", 0, end) + 1 + AROUND, begin + MAX_REGION_LINES)
    lines = text.split("\n")[begin:behind]
    return "\n".join(
        f"{n:6}\t{line.rstrip(chr(13))[:MAX_LINE_CHARS]}" for n, line in enumerate(lines, begin + 1)
    )


def replace(path: str, content: bytes, mode: int) -> None:
    """Put `content` in place of the file at `path`; a failure leaves what was there."""
    temporary = os.path.join(os.path.dirname(path), f".cadre.{os.urandom(8).hex()}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def main() -> None:
    """Answer one request."""
    request = marshal.loads(sys.stdin.buffer.read())  # noqa: S302 - the engine wrote it
    work = {"ReadInput": read, "WriteInput": write, "EditInput": edit}[request["tool"]]
    try:
        sign, text = "+", work(request)
    except Refused as refused:
        sign, text = "-", str(refused)
    except OSError as error:
        sign, text = "-", f"{request['file_path']}: {error.strerror or error}."
    sys.stdout.buffer.write((sign + text).encode("utf-8", "replace"))


main()
