"""Turn a directory that holds one tree into one that holds another, exactly.

The directory is the engine's own and nobody else writes to it meanwhile; but what it holds was
written by commands, so every step goes by directory handles and follows no symbolic link.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from cadre.tools.workspace.files import remove_tree
from cadre.tools.workspace.objects import LINK, SUBMODULE, TREE, Entry, ObjectDatabase, Tree


def restore(
    root: Path,
    old: bytes | None,
    new: bytes,
    database: ObjectDatabase,
    owner: int | None = None,
) -> None:
    """Make `root`, which holds tree `old` (None: nothing), hold tree `new`.

    Files that are in neither stay, unless they are in the way. What is created belongs to the
    user ID `owner`, where one is given, and has mode 0644 or 0755.
    """
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        before = {} if old is None else database.tree(old)
        _Restorer(root, database, owner).directory(handle, b"", before, database.tree(new))
    finally:
        os.close(handle)


class _Restorer:
    def __init__(self, root: Path, database: ObjectDatabase, owner: int | None) -> None:
        self._root = os.fsencode(root)
        self._database = database
        self._owner = owner

    def directory(self, handle: int, path: bytes, old: Tree, new: Tree) -> None:
        for name, entry in old.items():
            if name not in new:
                self._drop(handle, path, name, entry)
        for name, entry in new.items():
            was = old.get(name)
            if was == entry:
                continue
            if entry.mode == TREE:
                known = was.oid if was is not None and was.mode == TREE else None
                self._descend(handle, path, name, known, entry.oid)
            elif entry.mode == SUBMODULE:
                os.close(self._enter(handle, name))
            else:
                self._write(handle, path, name, entry)

    def _descend(
        self, handle: int, path: bytes, name: bytes, old: bytes | None, new: bytes
    ) -> None:
        child = self._enter(handle, name)
        try:
            before = {} if old is None else self._database.tree(old)
            self.directory(child, path + name + b"/", before, self._database.tree(new))
        finally:
            os.close(child)

    def _enter(self, handle: int, name: bytes) -> int:
        """The directory `name`, open; made where there is none, in the place of anything else."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(name, flags, dir_fd=handle)
        except FileNotFoundError:
            pass
        except NotADirectoryError:
            os.unlink(name, dir_fd=handle)
        os.mkdir(name, dir_fd=handle)
        child = os.open(name, flags, dir_fd=handle)
        os.fchmod(child, 0o755)
        if self._owner is not None:
            os.fchown(child, self._owner, self._owner)
        return child

    def _write(self, handle: int, path: bytes, name: bytes, entry: Entry) -> None:
        self._clear(handle, path, name)
        data = self._database.read(entry.oid)
        if entry.mode == LINK:
            os.symlink(data, name, dir_fd=handle)
            if self._owner is not None:
                os.chown(name, self._owner, self._owner, dir_fd=handle, follow_symlinks=False)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=handle), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o755 if entry.mode & 0o111 else 0o644)
            if self._owner is not None:
                os.fchown(file.fileno(), self._owner, self._owner)

    def _drop(self, handle: int, path: bytes, name: bytes, entry: Entry) -> None:
        """Remove what was tracked at `name`; a directory goes with the last thing in it."""
        if entry.mode not in {TREE, SUBMODULE}:
            self._clear(handle, path, name)
            return
        if entry.mode == TREE:
            try:
                child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            except (FileNotFoundError, NotADirectoryError):
                return
            try:
                self.directory(child, path + name + b"/", self._database.tree(entry.oid), {})
            finally:
                os.close(child)
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=handle)

    def _clear(self, handle: int, path: bytes, name: bytes) -> None:
        """Make `name` free."""
        try:
            status = os.stat(name, dir_fd=handle, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(status.st_mode):
            remove_tree(Path(os.fsdecode(self._root + b"/" + path + name)))
        else:
            os.unlink(name, dir_fd=handle)
