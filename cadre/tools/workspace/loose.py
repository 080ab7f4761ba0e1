"""Git objects as loose files, which is git's simplest format.

They are written here and not by libgit2, since zlib and SHA-1 leave the interpreter's lock free
while they work, and libgit2's binding does not. Objects are content-addressed, so writing one
twice, or dying in between, does no harm.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO


def object_id(kind: str, data: bytes) -> bytes:
    """The ID of an object, 20 bytes."""
    digest = hashlib.sha1(_header(kind, data), usedforsecurity=False)
    digest.update(data)
    return digest.digest()


def hash_file(file: BinaryIO, size: int) -> bytes:
    """The ID of the blob that a file of `size` bytes would be, read piece by piece."""
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    while piece := file.read(1024 * 1024):
        digest.update(piece)
    return digest.digest()


def write_loose(objects: Path, kind: str, data: bytes, *, durable: bool = False) -> None:
    """Write a loose object into an `objects` directory, whose modes and owner it takes on.

    Temp file and rename: a reader sees the whole object or none. `durable` flushes it to disk.
    """
    name = object_id(kind, data).hex()
    directory = objects / name[:2]
    parent = objects.stat()
    if not directory.exists():
        directory.mkdir(exist_ok=True)
        directory.chmod(parent.st_mode & 0o7777)
        _own(directory, parent)
    handle, temporary = tempfile.mkstemp(prefix="tmp_obj_", dir=objects)
    try:
        with os.fdopen(handle, "wb") as file:
            packer = zlib.compressobj(zlib.Z_BEST_SPEED)
            file.write(packer.compress(_header(kind, data)))
            file.write(packer.compress(data))
            file.write(packer.flush())
            file.flush()
            os.fchmod(handle, 0o444)
            if durable:
                os.fsync(handle)
        _own(Path(temporary), parent)
        Path(temporary).replace(directory / name[2:])
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _header(kind: str, data: bytes) -> bytes:
    return b"%s %d\0" % (kind.encode(), len(data))


def _own(path: Path, like: os.stat_result) -> None:
    """Let root's files in a user's repository belong to that user."""
    if os.geteuid() == 0 and like.st_uid != 0:
        os.chown(path, like.st_uid, like.st_gid)
