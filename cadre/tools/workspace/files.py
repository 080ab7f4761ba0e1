"""Whole directories, copied and removed by the system's own tools, and atomic small files.

`cp` and `rm` work in a process of their own: they do not hold the interpreter's lock, share
blocks where the file system can, and know no bound on depth, which an agent may have dug.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

# The tools read nothing of the worker's environment, and speak English.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


def copy_tree(source: Path, target: Path) -> None:
    """Copy directory `source` to `target`, which must not exist, with modes, owners and links."""
    _run("cp", "-a", "--reflink=auto", "--no-target-directory", "--", str(source), str(target))


def merge_tree(source: Path, target: Path) -> None:
    """Copy what is in directory `source` into the directory `target`."""
    _run("cp", "-a", "--reflink=auto", "--", f"{source}/.", str(target))


def remove_tree(path: Path) -> None:
    """Remove `path` whatever it is, read-only directories in it too; absent is fine."""
    done = subprocess.run(
        ["rm", "-rf", "--one-file-system", "--", str(path)],
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:  # without privilege, what lies in a read-only directory cannot be removed
        _run("chmod", "-R", "u+rwX", "--", str(path))
        _run("rm", "-rf", "--one-file-system", "--", str(path))


def discard(path: Path, trash: Path) -> None:
    """Move directory `path` into `trash` in one step, and remove it as far as that can be done.

    A process that was left behind may still write into it; what it leaves goes with `trash`.
    """
    trash.mkdir(exist_ok=True)
    grave = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=trash))
    with contextlib.suppress(FileNotFoundError):
        path.rename(grave / path.name)
    with contextlib.suppress(OSError):
        remove_tree(grave)


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old bytes or the new ones."""
    handle, temporary = tempfile.mkstemp(prefix=".new.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def make_directory(path: Path) -> Path:
    """A directory that other users can read, whatever the umask: the sandbox may be one."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    return path


def _run(*argv: str) -> None:
    done = subprocess.run(
        argv, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(f"{argv[0]} failed: {lines[0] if lines else done.returncode}")
