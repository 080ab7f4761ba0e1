"""What a worker process says once, on its standard output, when it has started or cannot."""

from __future__ import annotations

from cadre.domain.base import Value
from cadre.domain.errors import ErrorKind


class Ready(Value):
    """The worker polls: where, with which sandbox, on which models."""

    address: str
    namespace: str
    task_queue: str
    sandbox: str
    models: str


class Refused(Value):
    """The worker cannot start, and why, in one line."""

    kind: ErrorKind
    message: str


class Announcement(Value):
    """The one line, as JSON."""

    ready: Ready | None = None
    refused: Refused | None = None
