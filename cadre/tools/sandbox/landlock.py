"""Commands confined by Landlock, where no user namespaces are to be had.

What namespaces would give is made up for: a seccomp filter refuses every socket, the launcher
keeps the process tree together, and temporary files have a directory of their own. What remains
is that paths are the host's, that processes can see each other's names, and that the mode and
times of files of the engine's own user can be changed outside the workspace (not their content).
"""

from __future__ import annotations

import ctypes
import marshal
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.sandbox import seccomp
from cadre.tools.sandbox.child import Launch
from cadre.tools.sandbox.descriptors import Descriptors
from cadre.tools.sandbox.host import ETC, RESOLV, SYSTEM_DIRS, UNPRIVILEGED_ID, Host
from cadre.tools.sandbox.ownership import give, require_workspace
from cadre.tools.sandbox.process import supervise, turn
from cadre.tools.sandbox.types import OUTPUT_LIMIT, Completed, Level, Limits, Mount

CREATE_RULESET, ASK_VERSION = 444, 1
# Before it, files outside can be truncated.
MIN_ABI = 3
# Before it, signals reach processes outside; so none can be sent at all.
SIGNALS_ABI = 6
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
NAMES = ("/etc/passwd", "/etc/group", "/etc/hosts", "/proc")
# It finds the package without what else lies beside it coming before the standard library.
START = """
import sys
sys.path.append(sys.argv.pop())
from cadre.tools.launcher.tree import main
main()
"""
PACKAGE_ROOT = str(Path(__file__).parents[3])


def landlock_abi() -> int:
    """The version of Landlock that the kernel speaks, 0 for none."""
    return max(0, int(ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, ASK_VERSION)))


@dataclass(frozen=True)
class LandlockSandbox:
    """See `Sandbox`. As root, commands run as an unprivileged user (see `unconfined`)."""

    host: Host
    limits: Limits = field(default_factory=Limits)
    abi: int = field(default_factory=landlock_abi)
    level: Level = Level.LANDLOCK
    owner: int | None = field(default_factory=lambda: UNPRIVILEGED_ID if _root() else None)

    @classmethod
    def unconfined(cls, host: Host, limits: Limits) -> LandlockSandbox:
        """What remains of it at the operator's own risk where nothing can confine commands: an
        environment of their own, resource limits, and that no process is left behind."""
        return cls(host, limits, abi=0, level=Level.NONE, owner=None)

    @property
    def python(self) -> str:
        """The engine's own interpreter."""
        return str(self.host.python)

    @property
    def ripgrep(self) -> str:
        """The ripgrep program."""
        return str(self.host.ripgrep)

    def path(self, workspace: Path) -> str:
        """Where commands see `workspace`: where it is."""
        return str(workspace.resolve())

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
        if self.level is Level.LANDLOCK and self.abi < MIN_ABI:
            raise CadreError(
                ErrorKind.NO_SANDBOX,
                f"the kernel speaks Landlock {self.abi}, {MIN_ABI} is needed (Linux 6.2 with "
                "landlock among its security modules)",
            )
        require_workspace(workspace)
        await turn()
        temporary = tempfile.mkdtemp(prefix="cadre-")
        try:
            give(Path(temporary), self.owner)
            spec = self._spec(argv, self.path(workspace), temporary, env, network=network)
            spec["writable" if writable else "readable"].append(spec["cwd"])
            for mount in mounts:
                spec["writable" if mount.writable else "readable"].append(str(mount.source))
            with Descriptors() as descriptors:
                return await supervise(
                    self._launch(spec, descriptors, stdin or b""),
                    timeout=timeout,
                    output_limit=output_limit,
                    on_start=on_start,
                    on_output=on_output,
                )
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _launch(self, spec: dict[str, Any], descriptors: Descriptors, stdin: bytes) -> Launch:
        given = str(descriptors.give(marshal.dumps(spec)))
        program = [self.python, "-I", "-S", "-c", START, given]
        return Launch(
            argv=lambda status: [*program, str(status), PACKAGE_ROOT],
            descriptors=descriptors,
            memory=self.limits.memory,
            stdin=stdin,
        )

    def _spec(
        self,
        argv: Sequence[str],
        workspace: str,
        temporary: str,
        env: Mapping[str, str] | None,
        *,
        network: bool,
    ) -> dict[str, Any]:
        limits = self.limits
        return {
            "engine": os.getpid(),
            "argv": list(argv),
            "cwd": workspace,
            "env": self.host.environment(temporary, (), env),
            "user": self.owner,
            "temporary": temporary,
            "readable": list(self._readable(network=network)),
            "writable": [temporary, *DEVICES],
            "network": network,
            "abi": self.abi,
            "filter": self._filter(network=network),
            "limits": {
                "RLIMIT_NPROC": limits.processes,
                "RLIMIT_DATA": limits.process_memory,
                "RLIMIT_FSIZE": limits.file_size,
                "RLIMIT_NOFILE": limits.open_files,
                "RLIMIT_CPU": limits.cpu_seconds,
                "RLIMIT_CORE": 0,
            },
        }

    def _filter(self, *, network: bool) -> bytes:
        if self.level is Level.NONE:
            return b""
        return seccomp.compile_filter(
            network=network,
            local_sockets=False,
            namespaces=False,
            signals=self.abi >= SIGNALS_ABI,
        )

    def _readable(self, *, network: bool) -> Iterator[str]:
        wanted = (*SYSTEM_DIRS, *ETC, *NAMES, *((RESOLV,) if network else ()))
        yield from (path for path in wanted if Path(path).exists())
        yield from map(str, self.host.read_only())
        yield self.ripgrep


def _root() -> bool:
    return os.geteuid() == 0
