"""Commands confined by bubblewrap: namespaces, resource limits and a seccomp filter."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cadre.tools.sandbox import seccomp
from cadre.tools.sandbox.host import ETC, GROUP, HOSTS, INSIDE_ID, PASSWD, RESOLV, SYSTEM_DIRS, Host
from cadre.tools.sandbox.memory import prefer_as_victim
from cadre.tools.sandbox.ownership import require_workspace
from cadre.tools.sandbox.process import Launch, memory_file, supervise
from cadre.tools.sandbox.types import OUTPUT_LIMIT, Completed, Level, Limits, Mount
from cadre.tools.sandbox.userns import UserNamespaces

WORKSPACE = "/workspace"
RIPGREP = "/opt/cadre/rg"
SHARED_MEMORY = 64 << 20


@dataclass(frozen=True)
class BwrapSandbox:
    """See `Sandbox`. With `namespaces` the engine is root, and commands are not."""

    program: str
    host: Host
    limits: Limits = field(default_factory=Limits)
    namespaces: UserNamespaces | None = None
    level: Level = Level.BWRAP
    ripgrep: str = RIPGREP

    @property
    def owner(self) -> int | None:
        """Whom a workspace's files must belong to."""
        return None if self.namespaces is None else self.namespaces.outside_id

    @property
    def python(self) -> str:
        """The engine's own interpreter."""
        return str(self.host.python)

    def path(self, workspace: Path) -> str:  # noqa: ARG002 - the same for all
        """Where commands see `workspace`."""
        return WORKSPACE

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
        """See `Sandbox.run`."""
        require_workspace(workspace)

        def started(pid: int) -> None:
            prefer_as_victim(pid)
            if on_start is not None:
                on_start(pid)

        with contextlib.ExitStack() as stack:
            files = _Files(stack)
            user = self._user(stack, files)
            view = [
                *self._system(files, network=network),
                *_workspace(workspace, mounts, writable=writable),
                *self._environment(env),
            ]
            confine = [*_isolation(network=network), *user.outside, *view]
            confine += files.given("--seccomp", seccomp.compile_filter(local_sockets=not network))
            command = [*user.inside, *_limited(self.limits), *argv]
            launch = Launch(
                argv=lambda status: [
                    self.program, "--json-status-fd", str(status), *confine, "--", *command,
                ],
                descriptors=files.descriptors,
                memory=self.limits.memory,
                stdin=stdin,
            )  # fmt: skip
            return await supervise(
                launch,
                timeout=timeout,
                output_limit=output_limit,
                on_start=started,
                on_output=on_output,
            )

    def _user(self, stack: contextlib.ExitStack, files: _Files) -> _User:
        if self.namespaces is None:
            ids = ("--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID))
            return _User(["--unshare-user", "--disable-userns", *ids], [])
        namespace = stack.enter_context(self.namespaces.lend())
        # Root of the namespace sets the sandbox up; setpriv leaves it for good.
        keep = ("SETUID", "SETGID", "SETPCAP", "DAC_READ_SEARCH")
        capabilities = [word for c in keep for word in ("--cap-add", f"CAP_{c}")]
        drop = [
            "setpriv", f"--reuid={INSIDE_ID}", f"--regid={INSIDE_ID}", "--clear-groups",
            "--inh-caps=-all", "--bounding-set=-all", "--",
        ]  # fmt: skip
        return _User(["--userns", files.lent(namespace), *capabilities], drop)

    def _system(self, files: _Files, *, network: bool) -> Iterator[str]:
        for directory in SYSTEM_DIRS:
            path = Path(directory)
            if path.is_symlink():
                yield from ("--symlink", str(path.readlink()), directory)
            elif path.is_dir():
                yield from _bind("--ro-bind", path, directory)
        yield from ("--dev", "/dev", *_tmpfs("/dev/shm", SHARED_MEMORY))  # noqa: S108
        yield from ("--remount-ro", "/dev", "--proc", "/proc")
        yield from _tmpfs("/tmp", self.limits.temporary)  # noqa: S108
        yield from ("--dir", "/var", "--symlink", "/tmp", "/var/tmp", "--dir", "/etc")  # noqa: S108
        for source in (*ETC, *([RESOLV] if network else [])):
            if (path := Path(source).resolve()).exists():
                yield from _bind("--ro-bind", path, source)
        for text, target in ((PASSWD, "passwd"), (GROUP, "group"), (HOSTS, "hosts")):
            yield from ("--perms", "0644")
            yield from files.given("--ro-bind-data", text.encode(), f"/etc/{target}")
        for path in self.host.read_only():
            yield from _bind("--ro-bind", path, str(path))
        yield from _bind("--ro-bind", self.host.ripgrep, RIPGREP)

    def _environment(self, extra: Mapping[str, str] | None) -> Iterator[str]:
        yield "--clearenv"
        programs = [str(Path(RIPGREP).parent)]
        for name, value in self.host.environment("/tmp", programs, extra).items():  # noqa: S108
            yield from ("--setenv", name, value)


@dataclass(frozen=True)
class _User:
    """Who runs a command: bubblewrap's arguments, and what changes the user inside."""

    outside: Sequence[str]
    inside: Sequence[str]


class _Files:
    """Descriptors that bubblewrap reads from, closed with the stack."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self.descriptors: list[int] = []

    def given(self, option: str, data: bytes, *rest: str) -> list[str]:
        """The arguments that hand over `data`."""
        fd = memory_file(data)
        self._stack.callback(os.close, fd)
        return [option, self.lent(fd), *rest]

    def lent(self, fd: int) -> str:
        """Pass on a descriptor that another owns."""
        self.descriptors.append(fd)
        return str(fd)


def _isolation(*, network: bool) -> Iterator[str]:
    yield from ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    if not network:
        yield "--unshare-net"
    yield from ("--die-with-parent", "--new-session", "--cap-drop", "ALL")
    yield from ("--hostname", "cadre")


def _workspace(workspace: Path, mounts: Sequence[Mount], *, writable: bool) -> Iterator[str]:
    yield from _bind("--bind" if writable else "--ro-bind", workspace, WORKSPACE)
    git = workspace / ".git"
    if writable and git.exists() and not git.is_symlink():
        # Commands can read the repository, but neither change nor replace what leads to it.
        yield from _bind("--ro-bind", git, f"{WORKSPACE}/.git")
    for mount in mounts:
        yield from _bind("--bind" if mount.writable else "--ro-bind", mount.source, mount.target)
    yield from ("--chdir", WORKSPACE, "--remount-ro", "/")


def _bind(option: str, source: Path, target: str) -> Iterator[str]:
    # Parents that bubblewrap makes by itself are closed to an unprivileged user.
    for parent in reversed(Path(target).parents[:-1]):
        yield from ("--dir", str(parent))
    yield from (option, str(source), target)


def _tmpfs(target: str, size: int) -> Iterator[str]:
    yield from ("--size", str(size), "--perms", "1777", "--tmpfs", target)


def _limited(limits: Limits) -> Iterator[str]:
    yield "prlimit"
    yield f"--nproc={limits.processes}"
    yield f"--data={limits.process_memory}"
    yield f"--fsize={limits.file_size}"
    yield f"--nofile={limits.open_files}"
    yield f"--cpu={limits.cpu_seconds}"
    yield "--core=0"
    yield "--"
