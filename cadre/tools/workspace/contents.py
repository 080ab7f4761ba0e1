"""Contents of files as blobs, read only when they may have changed.

A file is read again unless its times, size, inode and mode are those that were seen when it was
last read, and were old enough then that a later change must have moved them.
"""

from __future__ import annotations

import os
import time

from cadre.tools.workspace.entries import Signature, open_file, show, signature_of
from cadre.tools.workspace.loose import hash_file, object_id
from cadre.tools.workspace.objects import Entry, ObjectDatabase

MAX_FILE_BYTES = 100 * 1024 * 1024

# A file's times move by the kernel's tick (10 ms at most) where they have nanoseconds at all.
_TICK_NS = 50_000_000
_COARSE_NS = 2_500_000_000

Known = dict[bytes, tuple[Signature, bytes]]


class RefusedError(Exception):
    """The workspace holds what cannot be kept; its message tells the agent what and why."""


class Contents:
    """The files of one directory as blobs; `known` is what an earlier scan found of them.

    `found` is what this one finds, for the next.
    """

    def __init__(self, database: ObjectDatabase, known: Known) -> None:
        self._database = database
        self._known = known
        self._started = time.time_ns()
        self.found: Known = {}

    def blob(
        self, parent: int, name: str, path: bytes, status: os.stat_result, was: Entry | None
    ) -> bytes:
        """Store regular file `name` of an open directory; `was` is what was tracked there.

        Raises RefusedError where it is too large, unless it is what it was.
        """
        signature = signature_of(status)
        known = self._known.get(path)
        if known is not None and known[0] == signature:
            self.found[path] = known
            return known[1]
        before = None if was is None else was.oid
        with open_file(parent, name) as file:
            if status.st_size > MAX_FILE_BYTES:
                oid = hash_file(file, status.st_size)
                if oid != before:
                    raise _too_large(path)
            else:
                data = file.read(status.st_size)
                oid = object_id("blob", data)
                if oid != before:
                    self._database.write("blob", data)
        if self._settled(status):
            self.found[path] = (signature, oid)
        return oid

    def _settled(self, status: os.stat_result) -> bool:
        """Whether any change after this scan began must show in the file's times."""
        newest = max(status.st_mtime_ns, status.st_ctime_ns)
        margin = _TICK_NS if status.st_ctime_ns % 1_000_000 else _COARSE_NS
        return newest < self._started - margin


def _too_large(path: bytes) -> RefusedError:
    return RefusedError(
        f"{show(path)} is larger than {MAX_FILE_BYTES // 1024**2} MB and cannot be kept; make it "
        "smaller, delete it, or name it in .gitignore if it is not part of the work"
    )
