"""Locks on a state directory. They are the kernel's (flock), so that one ends with its holder,
however the holder ends.

`supervisor.lock` is held alone by whoever runs services on the directory; `users.lock` is shared
by all who use them, so that a supervisor can wait for its users; `<task>.lock` is held by the one
process that does what one of all must do.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.settings import Settings

POLL_SECONDS = 0.05
# A look at the lock takes it for an instant; whoever wants it tries for this long.
TRY_SECONDS = 0.5


class StateDirHeldError(CadreError):
    """Somebody else runs services on the state directory."""


def make_state_dir(settings: Settings) -> Path:
    """Make the state directory, for its owner alone, or say in one line why it cannot be."""
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"state directory {settings.state_dir}: {error.strerror} (set CADRE_STATE_DIR)",
        ) from error
    return settings.state_dir


def _open(path: Path) -> IO[str]:
    try:
        return path.open("a+")
    except OSError as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"{path}: {error.strerror}") from error


def _try(file: IO[str], mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def supervisor_pid(settings: Settings) -> int | None:
    """The PID of the supervisor that holds the state directory, or None."""
    try:
        with (settings.state_dir / "supervisor.lock").open() as file:
            return None if _try(file, fcntl.LOCK_SH) else int(file.read() or 0)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"state directory {settings.state_dir}: {error.strerror}"
        ) from error


@contextmanager
def supervising(settings: Settings) -> Iterator[None]:
    """Hold the state directory as its supervisor.

    Raises StateDirHeldError, which says who holds it.
    """
    with _open(make_state_dir(settings) / "supervisor.lock") as file:
        deadline = time.monotonic() + TRY_SECONDS
        while not _try(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise StateDirHeldError(
                    ErrorKind.WRONG_INPUT,
                    f"Cadre's services already run on {settings.state_dir} "
                    f"(process {supervisor_pid(settings)}): use them, or set CADRE_STATE_DIR",
                )
            time.sleep(POLL_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


class Use:
    """A share in the services of a state directory."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    async def take(self, mode: int) -> None:
        """Wait for the lock in this mode of flock; a mode held before is given up for it."""
        while not _try(self._file, mode):  # noqa: ASYNC110 (another process lets it go)
            await asyncio.sleep(POLL_SECONDS)

    async def become_last(self) -> None:
        """Wait until nobody else uses the services, and keep newcomers waiting from then on."""
        await self.take(fcntl.LOCK_EX)


@asynccontextmanager
async def using(settings: Settings) -> AsyncIterator[Use]:
    """Count as a user of the services for the time of a block."""
    with _open(make_state_dir(settings) / "users.lock") as file:
        use = Use(file)
        await use.take(fcntl.LOCK_SH)
        yield use


@contextmanager
def claiming(settings: Settings, task: str) -> Iterator[Callable[[], bool]]:
    """Stand ready for a task that one process on the state directory does, for the time of a block.

    Yields a function that tells whether it is this one. The first that asks is, until it ends.
    """
    with _open(make_state_dir(settings) / f"{task}.lock") as file:
        yield lambda: _try(file, fcntl.LOCK_EX)
