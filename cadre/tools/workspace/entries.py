"""Entries of a directory that commands have written to, opened so that nothing can mislead."""

from __future__ import annotations

import os
from typing import BinaryIO

# Modification and change time (ns), size, inode, mode: equal while a file has not been changed.
Signature = tuple[int, int, int, int, int]
# Characters that macOS leaves out of a file's name.
_LEFT_OUT = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070),
                           0xFEFF])  # fmt: skip


def is_git(name: str) -> bool:
    """Whether a name is `.git`, or what macOS or Windows would take for it: letters of either
    case, characters left out, a short name, a stream, dots or spaces at the end.

    Git checks no such name out on any system.
    """
    if not name.isascii():
        name = name.translate(_LEFT_OUT)
    parts = name.lower().split("\\")  # Windows' separator
    return any(part.partition(":")[0].rstrip(". ") in (".git", "git~1") for part in parts)


def open_file(parent: int, name: str) -> BinaryIO:
    """A regular file, open for reading; nothing else is followed, nor waited for."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o600, dir_fd=parent)
        handle = os.open(name, flags, dir_fd=parent)
    return os.fdopen(handle, "rb")


def open_directory(parent: int, name: str) -> int:
    """A directory's handle; no symbolic link is followed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        return os.open(name, flags, dir_fd=parent)


def signature_of(status: os.stat_result) -> Signature:
    """What changes when the file does."""
    return (
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_ino,
        status.st_mode,
    )


def show(path: bytes) -> str:
    """A path for people and agents to read, on one line."""
    text = os.fsdecode(path).encode(errors="replace").decode()
    return "".join(char if char.isprintable() else "?" for char in text)
