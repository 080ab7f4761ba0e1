"""What commands see of the host, as bubblewrap's arguments."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cadre.tools.sandbox.descriptors import Descriptors
from cadre.tools.sandbox.host import ETC, GROUP, HOSTS, PASSWD, RESOLV, SYSTEM_DIRS, Host
from cadre.tools.sandbox.types import Limits, Mount

WORKSPACE = "/workspace"
RIPGREP = "/opt/cadre/rg"
TEMPORARY = "/tmp"  # noqa: S108 - the sandbox's own
SHARED_MEMORY = 64 << 20


def system(host: Host, limits: Limits, descriptors: Descriptors, *, network: bool) -> Iterator[str]:
    """The system, the interpreter and the toolchains, read-only; temporary files of its own."""
    yield from _fixed(host, limits, network=network)
    for text, target in ((PASSWD, "passwd"), (GROUP, "group"), (HOSTS, "hosts")):
        given = descriptors.give(text.encode())
        yield from ("--perms", "0644", "--ro-bind-data", str(given), f"/etc/{target}")


@functools.cache
def _fixed(host: Host, limits: Limits, *, network: bool) -> tuple[str, ...]:
    """What does not change while the engine runs, so that it is looked for only once."""
    return tuple(_looked_for(host, limits, network=network))


def _looked_for(host: Host, limits: Limits, *, network: bool) -> Iterator[str]:
    for directory in SYSTEM_DIRS:
        path = Path(directory)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), directory)
        elif path.is_dir():
            yield from _bind("--ro-bind", path, directory)
    yield from ("--dev", "/dev", *_tmpfs("/dev/shm", SHARED_MEMORY))  # noqa: S108
    yield from ("--remount-ro", "/dev", "--proc", "/proc")
    yield from _tmpfs(TEMPORARY, limits.temporary)
    yield from ("--dir", "/var", "--symlink", TEMPORARY, "/var/tmp", "--dir", "/etc")  # noqa: S108
    for source in (*ETC, *([RESOLV] if network else [])):
        if (path := Path(source).resolve()).exists():
            yield from _bind("--ro-bind", path, source)
    for path in host.read_only():
        yield from _bind("--ro-bind", path, str(path))
    yield from _bind("--ro-bind", host.ripgrep, RIPGREP)


def work(workspace: Path, mounts: Sequence[Mount], *, writable: bool) -> Iterator[str]:
    """The workspace, and what is mounted beside it or into it."""
    yield from _bind("--bind" if writable else "--ro-bind", workspace, WORKSPACE)
    git = workspace / ".git"
    if writable and git.exists() and not git.is_symlink():
        # Commands can read the repository, but neither change nor replace what leads to it.
        yield from _bind("--ro-bind", git, f"{WORKSPACE}/.git")
    for mount in mounts:
        yield from _bind("--bind" if mount.writable else "--ro-bind", mount.source, mount.target)
    yield from ("--chdir", WORKSPACE, "--remount-ro", "/")


def environment(host: Host, extra: Mapping[str, str] | None) -> Iterator[str]:
    """The command's whole environment."""
    yield "--clearenv"
    programs = [str(Path(RIPGREP).parent)]
    for name, value in host.environment(TEMPORARY, programs, extra).items():
        yield from ("--setenv", name, value)


def _tmpfs(target: str, size: int) -> Iterator[str]:
    yield from ("--size", str(size), "--perms", "1777", "--tmpfs", target)


def _bind(option: str, source: Path, target: str) -> Iterator[str]:
    # Parents that bubblewrap makes by itself are closed to an unprivileged user.
    for parent in reversed(Path(target).parents[:-1]):
        yield from ("--dir", str(parent))
    yield from (option, str(source), target)
