"""A process of a worker as a supervisor's child: `python -m workers.process`.

Its settings come from the environment. It announces itself, or why it cannot run, in one line of
JSON on standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys

import structlog

from cadre.domain.errors import CadreError
from cadre.runtime.logs import configure_logging
from cadre.runtime.processes import leave
from cadre.runtime.settings import load_settings
from workers.announcement import Announcement, Refused


def main() -> int:
    """Run until SIGTERM. The exit status is 2 where the worker cannot start."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        structlog.contextvars.bind_contextvars(worker=os.getpid())  # whose line it is
        from workers.worker import run_worker  # noqa: PLC0415 (takes seconds)

        asyncio.run(run_worker(settings, announce=lambda ready: _say(Announcement(ready=ready))))
    except CadreError as error:
        _say(Announcement(refused=Refused(kind=error.kind, message=error.message)))
        return 2
    return 0


def _say(announcement: Announcement) -> None:
    sys.stdout.write(announcement.model_dump_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    leave(main())
