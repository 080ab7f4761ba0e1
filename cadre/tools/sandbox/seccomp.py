"""The system calls that confined commands are refused, as a seccomp filter."""

from __future__ import annotations

import errno
import functools
import socket
import tempfile

# What opens up attack surface of the kernel or another process, and no build or test needs.
DENIED = (
    "acct", "add_key", "bpf", "chroot", "delete_module", "fanotify_init", "finit_module",
    "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter",
    "io_uring_register", "io_uring_setup", "kcmp", "kexec_file_load", "kexec_load", "keyctl",
    "mount", "mount_setattr", "move_mount", "open_by_handle_at", "open_tree", "perf_event_open",
    "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev",
    "ptrace", "quotactl", "reboot", "request_key", "setns", "swapoff", "swapon", "syslog",
    "umount2", "unshare", "userfaultfd", "vhangup",
)  # fmt: skip
# What reaches processes and objects that only namespaces keep apart.
DENIED_WITHOUT_NAMESPACES = (
    "inotify_add_watch", "inotify_init", "inotify_init1", "ioprio_set", "migrate_pages",
    "move_pages", "mq_open", "msgget", "sched_setaffinity", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "semget", "setpriority", "shmget",
)  # fmt: skip
SIGNALS = ("kill", "tkill", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo")

NETWORK = (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
UNKNOWN = -1
FAMILIES = 64  # more than the kernel knows
NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* flag of clone(2)
TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX


class SeccompMissingError(Exception):
    """No filter can be made on this host."""


@functools.cache
def compile_filter(
    *,
    network: bool = True,
    local_sockets: bool = True,
    namespaces: bool = True,
    signals: bool = True,
) -> bytes:
    """The filter as a BPF program.

    `network` and `local_sockets` say which sockets may be made (a pair that is connected to
    itself always may); without `namespaces` what they would keep apart is refused as well;
    without `signals` none can be sent to another process. SeccompMissingError without libseccomp.
    """
    try:
        import pyseccomp as bpf  # noqa: PLC0415 - it looks for its library when imported
    except (ImportError, RuntimeError) as error:
        raise SeccompMissingError("libseccomp is not installed (Debian: libseccomp2)") from error
    program = bpf.SyscallFilter(bpf.ALLOW)
    refuse = bpf.ERRNO(errno.EPERM)

    def deny(names: tuple[str, ...]) -> None:
        for name in names:
            # A library that is older than a system call does not know it by name.
            if bpf.resolve_syscall(bpf.Arch.NATIVE, name) != UNKNOWN:
                program.add_rule(refuse, name)

    deny(DENIED)
    for mask in _bits(NEW_NAMESPACES):
        program.add_rule(refuse, "clone", bpf.Arg(0, bpf.MASKED_EQ, mask, mask))
    # Its flags lie in memory, where a filter cannot look: libraries fall back to clone.
    program.add_rule(bpf.ERRNO(errno.ENOSYS), "clone3")
    for request in TERMINAL_INPUT:
        program.add_rule(refuse, "ioctl", bpf.Arg(1, bpf.MASKED_EQ, 0xFFFFFFFF, request))
    allowed = (*(NETWORK if network else ()), *((socket.AF_UNIX,) if local_sockets else ()))
    for family in set(range(FAMILIES)) - set(allowed):
        program.add_rule(refuse, "socket", bpf.Arg(0, bpf.EQ, family))
    program.add_rule(refuse, "socket", bpf.Arg(0, bpf.GE, FAMILIES))
    if not namespaces:
        deny(DENIED_WITHOUT_NAMESPACES)
        program.add_rule(refuse, "prlimit64", bpf.Arg(0, bpf.NE, 0))
    if not signals:
        deny(SIGNALS)
    with tempfile.TemporaryFile() as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()


def _bits(mask: int) -> list[int]:
    return [1 << n for n in range(mask.bit_length()) if mask >> n & 1]
