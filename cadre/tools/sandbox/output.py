"""Output of a command: its head and tail while it streams, and as text for a reader."""

from __future__ import annotations

import hashlib
from collections import deque

from cadre.tools.sandbox.types import Completed


class HeadTail:
    """Keeps the first and the last `limit // 2` bytes of what it is fed, and counts the rest."""

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        self.total += len(data)
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail.append(data)
            self._tail_size += len(data)
            while self._tail_size - len(self._tail[0]) >= self._half:
                self._tail_size -= len(self._tail.popleft())

    @property
    def truncated(self) -> bool:
        """Whether something between head and tail was left out."""
        return self.total > 2 * self._half

    def value(self) -> bytes:
        """What was kept, with a line in the middle that says how much was not."""
        tail = b"".join(self._tail)
        if not self.truncated:
            return bytes(self._head) + tail
        left_out = self.total - 2 * self._half
        note = f"\n[... {left_out} bytes left out ...]\n".encode()
        return bytes(self._head) + note + tail[-self._half :]


def render(completed: Completed) -> str:
    """The output as text; output that is not text is told by its size and hash."""
    if b"\0" in completed.output:
        digest = hashlib.sha256(completed.output).hexdigest()
        kept = " of what was kept" if completed.truncated else ""
        return f"[binary output: {completed.total_bytes} bytes, sha256{kept} {digest}]"
    return completed.output.decode("utf-8", "replace")
