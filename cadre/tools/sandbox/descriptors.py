"""Open descriptors that a child process inherits."""

from __future__ import annotations

import os
from types import TracebackType


class Descriptors:
    """What a child inherits. Leaving the context closes what was made here, not what was lent."""

    def __init__(self) -> None:
        self._made: list[int] = []
        self.all: list[int] = []

    def give(self, data: bytes) -> int:
        """A descriptor that the child inherits, from which `data` can be read."""
        return self.lend(self.hold(data))

    def hold(self, data: bytes) -> int:
        """A descriptor from which `data` can be read; the child does not inherit it by number."""
        fd = os.memfd_create("cadre")
        self._made.append(fd)
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    def hand_over(self, fd: int) -> int:
        """Pass on a descriptor that is closed here once the child has it."""
        self._made.append(fd)
        return self.lend(fd)

    def lend(self, fd: int) -> int:
        """Pass on a descriptor that stays open here."""
        self.all.append(fd)
        return fd

    def __enter__(self) -> Descriptors:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for fd in self._made:
            os.close(fd)
        self._made.clear()
