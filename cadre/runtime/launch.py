"""Run a command that ends when its parent does: `launch.py PARENT_PID COMMAND ARGUMENT…`.

A script for `python -I -S`, which imports nothing of ours. The kernel sends the death signal
when the *thread* that forked ends, so the parent must start this from a thread that stays, such
as its event loop's.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Tie this process to `parent`, then become `command`."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it ended before the kernel was told
        sys.exit("the parent process has ended")
    os.execv(command[0], command)  # noqa: S606 (no shell is what we want)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
