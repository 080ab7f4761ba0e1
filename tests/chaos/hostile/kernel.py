"""Attacks on the kernel: to gain rights, namespaces and system calls that a command has not."""

from __future__ import annotations

import platform

from tests.chaos.hostile.case import Case, python, shell

KERNEL = (
    Case(
        "namespaces",
        (
            python(
                """
                new = {'user': 1 << 28, 'mount': 1 << 17, 'pid': 1 << 29, 'net': 1 << 30}
                for name, flag in new.items():
                    attempt(name, lambda: call('unshare', flag))
                    attempt(name, lambda: system_call(56, 220, flag | 17, 0, 0, 0, 0))
                attempt('clone3', lambda: system_call(435, 435, bytes(88), 88))
                attempt('worker', lambda: open('/proc/@worker@/ns/mnt'))
                """
            ),
        ),
    ),
    Case(
        "mounts and roots",
        (
            python(
                """
                attempt('mount', lambda: call('mount', b'x', b'/tmp', b'tmpfs', 0, 0))
                attempt('umount', lambda: call('umount2', b'/workspace/.git', 2))
                attempt('remount', lambda: call('mount', 0, b'/', 0, 0x1020, 0))
                attempt('chroot', lambda: os.chroot('/tmp'))
                attempt('pivot', lambda: system_call(155, 41, b'.', b'.'))
                attempt('fsopen', lambda: system_call(430, 430, b'tmpfs', 0))
                attempt('open_tree', lambda: system_call(428, 428, -100, b'/', 1))
                attempt('setattr', lambda: system_call(442, 442, -100, b'/', 0, bytes(32), 32))
                """
            ),
        ),
    ),
    Case(
        "another user",
        (
            python(
                """
                attempt('root', lambda: os.setuid(0))
                attempt('group', lambda: os.setgid(0))
                attempt('groups', lambda: os.setgroups([0]))
                attempt('owner', lambda: os.chown('README.md', 0, 0))
                attempt('capability', lambda: call('prctl', 47, 2, 21, 0, 0))
                """
            ),
        ),
    ),
    Case(
        "programs that become root",
        (shell("mount -t tmpfs x /tmp", "umount /tmp", "passwd -d root"),),
    ),
    Case(
        "system calls that open the kernel up",
        (
            python(
                """
                attempt('bpf', lambda: system_call(321, 280, 0, bytes(64), 64))
                attempt('io_uring', lambda: system_call(425, 425, 8, bytes(120)))
                attempt('perf', lambda: system_call(298, 241, bytes(128), 0, -1, -1, 0))
                attempt('userfaultfd', lambda: system_call(323, 282, 1))
                attempt('keyctl', lambda: system_call(250, 219, 0, -3, 1))
                attempt('add_key', lambda: system_call(248, 217, b'user', b'x', b'y', 1, -4))
                attempt('kcmp', lambda: system_call(312, 272, os.getpid(), 1, 0, 0, 0))
                attempt('handle', lambda: system_call(304, 265, -100, bytes(128), 0))
                own = os.pidfd_open(os.getpid())
                attempt('pidfd_getfd', lambda: system_call(438, 438, own, 0, 0))
                attempt('fanotify', lambda: call('fanotify_init', 0, 0))
                attempt('module', lambda: system_call(313, 273, 0, b'', 0))
                attempt('kexec', lambda: system_call(246, 104, 0, 0, 0, 0))
                attempt('reboot', lambda: call('reboot', 0))
                attempt('log', lambda: call('klogctl', 3, bytes(64), 64))
                attempt('swap', lambda: call('swapoff', b'/x'))
                attempt('accounting', lambda: call('acct', 0))
                """
            ),
        ),
    ),
    Case(
        "settings of the kernel",
        (
            shell(
                "echo '|/bin/touch @outside@/@marker@' > /proc/sys/kernel/core_pattern",
                "echo 1 > /proc/sys/kernel/sysrq",
                "echo c > /proc/sysrq-trigger",
                "echo evil > /sys/kernel/uevent_helper",
                "mkdir /sys/fs/cgroup/@marker@",
                "head -c 1 /proc/kcore",
                "head -c 1 /proc/kmsg",
                "hostname evil",
                "date -s 2001-01-01",
            ),
        ),
    ),
    Case(
        "a terminal's input",
        (
            python(
                """
                for fd in (0, 1, 2):
                    attempt('push', lambda: fcntl.ioctl(fd, 0x5412, b'x'))
                attempt('terminal', lambda: open('/dev/tty', 'w'))
                """
            ),
        ),
    ),
    Case(
        "inherited descriptors",
        (
            python(
                """
                def use(fd):
                    if 'memfd' in os.readlink(f'/proc/self/fd/{fd}'):
                        return 'memory of the engine'
                    return os.listdir(fd)
                for fd in range(3, 256):
                    if os.path.exists(f'/proc/self/fd/{fd}'):
                        attempt(fd, lambda: use(fd))
                        attempt(fd, lambda: call('setns', fd, 0))
                        attempt(fd, lambda: fcntl.ioctl(fd, 0xB702))
                attempt('none', lambda: os.fstat(255))
                """
            ),
        ),
    ),
    Case("a dump of memory", (shell("[ $(ulimit -c) != 0 ]", "ulimit -c unlimited"),)),
)

# int 0x80 with the 32-bit number of ptrace (26), and x32's of ptrace.
FOREIGN_ABI = """
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex("53b81a000000" "31db" "cd80" "5bc3"))
entry = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

def in_child(action):
    child = os.fork()
    if child == 0:
        os._exit(1 if action() < 0 else 0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise OSError("refused, or ended")

attempt("32 bits", lambda: in_child(entry))
attempt("x32", lambda: in_child(lambda: libc.syscall(ctypes.c_long(0x40000000 + 521), 0, 0, 0, 0)))
"""
# Other architectures have no second way into the kernel that a filter could forget.
ONLY_X86 = (Case("system calls by another ABI", (python(FOREIGN_ABI),)),)

CASES = (*KERNEL, *(ONLY_X86 if platform.machine() == "x86_64" else ()))
