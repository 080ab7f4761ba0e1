"""Child processes that never outlive their parent."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NoReturn

import cadre
from cadre.runtime import launch

# What a process needs to find its way; no key is among them.
_PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME")


def plain_environment() -> dict[str, str]:
    """An environment without secrets, for processes that need none."""
    return {name: os.environ[name] for name in _PLAIN if name in os.environ}


def python_module(module: str, *arguments: str) -> list[str]:
    """The command that runs `module` with this interpreter.

    `-P` keeps the current directory, which may be anybody's, off the import path.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def python_path() -> dict[str, str]:
    """What lets a child import the packages that this process runs from.

    A source tree has to be named; installed packages are found anyway.
    """
    root = Path(cadre.__file__).parents[1]
    return {} if root.name == "site-packages" else {"PYTHONPATH": str(root)}


async def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    log: Path | None = None,
    pipe: bool = False,
) -> Process:
    """Start `command` with exactly `environment`, in a session of its own.

    It is killed when this process ends, however it ends; so call this on an event loop whose
    thread stays. Output is added to the file `log`, or goes where our errors go; with `pipe`,
    its standard output can be read from the process instead.
    """
    starting = asyncio.create_task(_start(command, environment, log, pipe=pipe))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:  # halfway there; so let it be born, then end it
        await end(await starting, 0)
        raise


async def _start(
    command: Sequence[str], environment: Mapping[str, str], log: Path | None, *, pipe: bool
) -> Process:
    launcher = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid())]
    with _errors_to(log) as errors:
        return await asyncio.create_subprocess_exec(
            *launcher,
            *command,
            env=environment,
            stdin=DEVNULL,
            stdout=PIPE if pipe else errors,
            stderr=errors,
            start_new_session=True,
        )


def _errors_to(log: Path | None) -> AbstractContextManager[int]:
    """A file descriptor to write errors to."""
    if log is None:
        return nullcontext(sys.stderr.fileno())
    return _appending(log)


@contextmanager
def _appending(log: Path) -> Iterator[int]:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def fresh_log(path: Path) -> Path:
    """A new log file at `path`; the one before it is kept beside it."""
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    return path


def last_line(log: Path) -> str:
    """The end of a log: where a process that failed says why."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1][:300] if lines else "it does not say why"


async def first_line(process: Process, seconds: float) -> str:
    """The first line that `process` prints within `seconds`; empty where it prints none."""
    assert process.stdout is not None  # noqa: S101 (spawned with a pipe)
    try:
        async with asyncio.timeout(seconds):
            line = await process.stdout.readline()
    except TimeoutError:
        return ""
    return line.decode(errors="replace").strip()


async def gone(process: Process) -> int:
    """Wait until `process` has ended, reading and dropping what it prints; its exit status."""
    if process.stdout is not None:
        while await process.stdout.read(65536):
            pass
    return await process.wait()


async def end(process: Process, grace_seconds: float) -> None:
    """End `process`: ask it by SIGTERM, kill it after `grace_seconds`. Returns once it is gone."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(grace_seconds):
                await process.wait()
        except TimeoutError:
            process.kill()
    await process.wait()


def leave_no_core() -> None:
    """Have this process, and what it starts, leave no core file: it would hold the keys."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def leave(status: int) -> NoReturn:
    """End this process, with what it printed, but without the interpreter's own ending.

    Threads of Temporal's client and of the object store may still run then; one that returns into
    an interpreter that is shutting down aborts the process (seen in one of twenty failed look-ups
    of a run).
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # nobody reads it any more
            pass
        except OSError:  # such as a full disk: what was to be written is lost
            status = status or 1
    os._exit(status)
