"""User namespaces for an engine that runs as root, so that its commands do not.

The kernel bounds the number of processes of a user, but never of root's. So commands run as an
unprivileged user, counted in a user namespace of their own for each. Only root stays mapped
beside it: bubblewrap needs it to reach directories that are closed to others.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cadre.tools.sandbox.host import INSIDE_ID, UNPRIVILEGED_ID

MAP = f"0 0 1\n{INSIDE_ID} {UNPRIVILEGED_ID} 1\n"


class UserNamespaces:
    """Namespaces by descriptor, each lent to one command at a time and then used again."""

    outside_id = UNPRIVILEGED_ID

    def __init__(self) -> None:
        self._free: list[int] = []

    @contextlib.contextmanager
    def lend(self) -> Iterator[int]:
        """A namespace that no other command is in. OSError where the host allows none."""
        fd = self._free.pop() if self._free else _create()
        try:
            yield fd
        finally:
            self._free.append(fd)


def _create() -> int:
    unshare = shutil.which("unshare")
    if unshare is None:
        raise FileNotFoundError("unshare (of util-linux) is not installed")
    # A namespace lives as long as a process or a descriptor is in it.
    with subprocess.Popen(
        [unshare, "--user", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as member:
        assert member.stdin is not None  # noqa: S101 - both are pipes
        assert member.stdout is not None  # noqa: S101
        member.stdin.write(b"\n")
        if member.stdout.read(1) != b"\n":
            raise PermissionError("this host allows no user namespaces")
        of = Path(f"/proc/{member.pid}")
        (of / "uid_map").write_text(MAP)
        (of / "gid_map").write_text(MAP)
        namespace = os.open(of / "ns/user", os.O_RDONLY)
        member.stdin.close()
    return namespace
