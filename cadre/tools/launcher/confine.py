"""What a command gives up before it becomes the agent's: files, capabilities, system calls."""
# ruff: noqa: PTH112, PTH123 - this starts for every command, and pathlib is slow to import

from __future__ import annotations

import ctypes
import os
import resource
import struct

TYPE_CHECKING = False  # as in typing, which is slow to import too
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Spec = dict[str, Any]

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_SECUREBITS = 1, 22, 24, 28
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47
AMBIENT_RAISE, SECCOMP_FILTER, CAPABILITY_VERSION = 2, 2, 0x20080522
DAC_READ_SEARCH, LAST_CAPABILITY, NO_SETUID_FIXUP = 2, 63, 1 << 2
# The same numbers on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
READ = EXECUTE | READ_FILE | READ_DIR
# All rights on files but to make devices and control them (bits 6, 11 and 15).
ALL = (1 << 16) - 1
WRITE = ALL & ~(1 << 6 | 1 << 11 | 1 << 15)
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
SCOPED_ABI, IOCTL_ABI, NETWORK_ABI = 6, 5, 4

libc = ctypes.CDLL(None, use_errno=True)


def confine(spec: Spec) -> None:
    """Keep to the limits, the user, the files and the system calls that `spec` allows, for good.

    OSError where the kernel refuses to bind this process.
    """
    ruleset = _ruleset(spec) if spec["abi"] else None
    _limit(spec["limits"])
    _be_victim()
    if spec["user"] is not None:
        _drop_root(spec["user"])
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if ruleset is not None:
        _checked(libc.syscall(RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    if spec["filter"]:
        _load_filter(spec["filter"])


def prctl(option: int, *arguments: int) -> None:
    """Call prctl, with the arguments that are not given as 0."""
    words = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(libc.prctl(option, *words), "prctl")


def _checked(result: int, what: str) -> int:
    """The result of a system call; OSError where it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _limit(limits: dict[str, int]) -> None:
    for name, bound in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        least = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (least, least))


def _be_victim() -> None:
    """Have the kernel take the command, and not the root, when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass  # it only makes the choice better


def _ruleset(spec: Spec) -> int:
    """A Landlock ruleset: what may be read, what may be written, nothing else."""
    abi = spec["abi"]
    handled = ALL if abi >= IOCTL_ABI else ALL >> 1
    network = 3 if abi >= NETWORK_ABI and not spec["network"] else 0
    scoped = 3 if abi >= SCOPED_ABI else 0  # abstract sockets and signals
    attributes = struct.pack("QQQ", handled, network, scoped)[: 24 if abi >= SCOPED_ABI else 16]
    if abi < NETWORK_ABI:
        attributes = attributes[:8]
    ruleset = _checked(libc.syscall(CREATE_RULESET, attributes, len(attributes), 0), "landlock")
    for path, rights in _rules(spec):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack(
            "=Qi", rights & handled if os.path.isdir(path) else rights & OF_FILES, fd
        )
        _checked(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0), f"landlock: {path}")
        os.close(fd)
    return ruleset


def _rules(spec: Spec) -> Iterator[tuple[str, int]]:
    """Paths with the rights that hold for them and all below."""
    for path in spec["readable"]:
        yield path, READ
    for path in spec["writable"]:
        yield path, WRITE


def _drop_root(user: int) -> None:
    """Become an unprivileged user that can still pass directories which are closed to others:
    the workspace may lie below one. Landlock bounds what that opens."""
    for capability in range(LAST_CAPABILITY + 1):
        if capability != DAC_READ_SEARCH:
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for those it does not know
    prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP)  # else access(2) would ignore what is kept
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    header = struct.pack("Ii", CAPABILITY_VERSION, 0)
    kept = 1 << DAC_READ_SEARCH
    _checked(libc.capset(header, struct.pack("IIIIII", kept, kept, kept, 0, 0, 0)), "capset")
    prctl(PR_CAP_AMBIENT, AMBIENT_RAISE, DAC_READ_SEARCH)


def _load_filter(program: bytes) -> None:
    """Load a seccomp filter."""
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: how many instructions of eight bytes, and where they are.
    head = ctypes.create_string_buffer(struct.pack("HP", len(program) // 8, ctypes.addressof(code)))
    prctl(PR_SET_SECCOMP, SECCOMP_FILTER, ctypes.addressof(head))
