"""How to reach a higher level of sandbox on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

NEEDED = {"setpriv": "util-linux", "unshare": "util-linux", "bash": "bash"}
# Settings of the kernel that forbid user namespaces, with the value at which they do.
SWITCHES = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("user/max_user_namespaces", "0", "10000"),
)
# What the Landlock level cannot stop, which the namespaces of bubblewrap would; by short names.
LANDLOCK_GAPS = {
    "what files exist": (
        "whether a file that is named exists, its size, owner and times, and where a link leads "
        "can be seen anywhere on the machine (not what is in it, nor a directory's list)"
    ),
    "modes and times of files": (
        "modes, times and extended attributes of files that belong to the commands' user can be "
        "changed anywhere (not their content): those of other runs' workspaces where the engine "
        "is root, else all of yours"
    ),
    "names of processes": "other processes and their command lines can be seen",
    "a replaced .git": (
        "a workspace's .git can be removed or replaced; the engine neither follows nor keeps it, "
        "and puts it back"
    ),
    "user names": "the machine's user names can be read",
    "sums of resources": (
        "temporary files are bounded one by one, not in sum, and the processes of all commands "
        "are counted together"
    ),
}


def namespaces_advice(proc: Path = Path("/proc"), root: Path = Path("/")) -> str:
    """What to do so that bubblewrap can work, as far as the machine shows it."""
    return "; ".join(_found(proc, root)) or (
        "allow user namespaces for this user, and install bubblewrap 0.8 or later"
    )


def _found(proc: Path, root: Path) -> Iterator[str]:
    for program, package in NEEDED.items():
        if shutil.which(program) is None:
            yield f"install {package}"
    for switch, forbids, allows in SWITCHES:
        path = proc / "sys" / switch
        if path.exists() and path.read_text().strip() == forbids:
            yield f"run as root: sysctl -w {switch.replace('/', '.')}={allows}"
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        yield (
            "start the container with --security-opt seccomp=unconfined --security-opt "
            "apparmor=unconfined --security-opt systempaths=unconfined"
        )
