"""What a sandbox takes and gives, the same at every level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

OUTPUT_LIMIT = 256 * 1024


class Level(StrEnum):
    """How commands are confined, strongest first."""

    BWRAP = "bubblewrap"
    LANDLOCK = "landlock"
    NONE = "none"


@dataclass(frozen=True)
class Mount:
    """A file or directory of the host that the command sees as `target` (an absolute path).

    Landlock cannot move paths: there it is seen as `source`.
    """

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Limits:
    """Bounds of one command, all its processes together unless said otherwise.

    `process_memory` bounds the private memory of each process, `memory` that of all (looked at
    a few times a second, so a steep rise passes it for a moment); `temporary` bounds /tmp where
    it is a file system of its own. Sizes are bytes (`process_memory` and `file_size` may be cut to
    whole KiB), `cpu_seconds` counts for each process.
    """

    processes: int = 512
    memory: int = 8 << 30
    process_memory: int = 4 << 30
    file_size: int = 1 << 30
    open_files: int = 1024
    temporary: int = 512 << 20
    cpu_seconds: int = 3600


@dataclass(frozen=True)
class Completed:
    """How a command ended.

    `exit_code` is 128 + n for a command that signal n ended. `output` is standard output and
    error in the order they were written, its middle left out where `truncated`; `total_bytes`
    counts all of it. `timed_out` and `out_of_memory` say that the engine ended the command.
    """

    exit_code: int
    output: bytes
    truncated: bool
    total_bytes: int
    timed_out: bool
    seconds: float
    out_of_memory: bool = False


class Sandbox(Protocol):
    """Runs commands so that nothing of the host but the workspace is in their reach.

    `owner` is the user ID that a workspace's files must belong to so that commands can write
    them (see `give`), None where the engine's own user is the one. `python` and `ripgrep` are
    the programs' paths as commands see them.
    """

    @property
    def level(self) -> Level:
        """How commands are confined."""

    @property
    def owner(self) -> int | None:
        """Whom a workspace's files must belong to."""

    @property
    def python(self) -> str:
        """A Python interpreter of at least 3.11."""

    @property
    def ripgrep(self) -> str:
        """The ripgrep program."""

    def path(self, workspace: Path) -> str:
        """Where commands see `workspace`."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        writable: bool,
        mounts: Sequence[Mount] = (),
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float,
        output_limit: int = OUTPUT_LIMIT,
        network: bool = False,
        on_start: Callable[[int], None] | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed:
        """Run `argv` in `workspace` and return when its whole process tree is gone.

        `env` adds to the few variables that every command gets; nothing of the engine's own is
        passed on. `timeout` is in seconds; at most two more pass until the tree is gone.
        `output_limit` bounds what is kept of the output, in bytes. `network` shares the host's
        network. `on_start` gets the host's process ID whose end by SIGKILL ends the tree,
        `on_output` each piece of output as it comes; both are called on the event loop.
        Cancelling ends the tree before CancelledError leaves. Raises CadreError (NO_SANDBOX)
        where commands cannot be run.
        """
