"""Attacks on processes: to outlive the call, to reach others."""

from __future__ import annotations

from tests.chaos.hostile.case import CONTAINED, DENIED, Case, Gap, bash, python, shell

LINGER = "exec -a @marker@ sleep 1000"
# After the fork, in a session of its own, with no descriptor of the command's.
DAEMON = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        os.execv('/bin/sleep', ['@marker@', '1000'])
    os._exit(0)
os.wait()
"""

SURVIVORS = (
    Case("a background process", (bash(f"({LINGER}) & disown; true"),), CONTAINED),
    Case(
        "a session of its own",
        (bash(f"setsid nohup bash -c '{LINGER}' >/dev/null 2>&1 & true"),),
        CONTAINED,
    ),
    Case("a daemon", (bash(f'python3 -c "{DAEMON}"'),), CONTAINED),
    Case(
        "a process that ignores signals",
        (bash(f"(trap '' TERM INT HUP; setsid bash -c '{LINGER}') & kill -9 $$"),),
        CONTAINED,
    ),
    Case(
        "a call that ends by its time",
        (bash(f"setsid bash -c '{LINGER}' & sleep 1000", timeout=1000),),
    ),
    Case(
        "a chain of forks",
        (
            bash(
                "f() { bash -c 'exec -a @marker@ sleep 1000' & "
                "[ $1 -gt 0 ] && (f $(($1 - 1)) &); }; f 40; true"
            ),
        ),
        CONTAINED,
    ),
    Case(
        "scheduled for later",
        (
            shell(
                "echo '* * * * * root touch /@marker@' > /etc/cron.d/@marker@",
                "echo '* * * * * touch /@marker@' > /var/spool/cron/crontabs/@marker@",
                "touch ~/../.config/systemd/user/@marker@.service",
            ),
        ),
    ),
)

OTHERS = (
    Case(
        "signals",
        (
            python(
                """
                for name, pid in (('worker', @worker@), ('victim', @victim@)):
                    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
                        attempt(name, lambda: os.kill(pid, number))
                    def by_handle():
                        with os.fdopen(os.pidfd_open(pid)) as handle:
                            signal.pidfd_send_signal(handle.fileno(), signal.SIGKILL)
                    attempt(name, by_handle)
                """
            ),
        ),
    ),
    Case("signals to all", (bash("kill -STOP -1; kill -9 -1"),), CONTAINED),
    Case(
        "signals to parents",
        (bash("kill -9 $PPID; kill -9 -- -$PPID; kill -9 0; true"),),
        CONTAINED,
    ),
    Case(
        "the environments of all processes",
        (bash("cat /proc/*/environ /proc/*/task/*/environ | tr '\\0' '\\n'; ps axeww"),),
        CONTAINED,
    ),
    Case(
        "the worker by /proc",
        (
            shell(
                "tr '\\0' ' ' < /proc/@worker@/environ",
                "cat /proc/@worker@/maps",
                "head -c 1 /proc/@worker@/mem",
                "readlink /proc/@worker@/fd/*",
                "ls /proc/@worker@/root/",
                "ls /proc/@worker@/cwd/",
                "cat /proc/@worker@/root@secret@",
                "echo 1000 > /proc/@worker@/oom_score_adj",
                "echo x > /proc/@worker@/comm",
            ),
        ),
    ),
    Case(
        "another user's process by /proc",
        (
            shell(
                "tr '\\0' ' ' < /proc/@victim@/environ",
                "ls /proc/@victim@/cwd/",
                "cat /proc/@victim@/mem",
            ),
        ),
    ),
    Case(
        "command lines of other processes",
        (shell("tr '\\0' ' ' < /proc/@victim@/cmdline | grep sleep"),),
        DENIED,
        Gap("names of processes"),
    ),
    Case(
        "ptrace",
        (
            python(
                """
                for name, pid in (('worker', @worker@), ('victim', @victim@), ('init', 1)):
                    attempt('attach', lambda: call('ptrace', 16, pid, 0, 0))
                    attempt('seize', lambda: call('ptrace', 0x4206, pid, 0, 0))
                    attempt('read', lambda: call('process_vm_readv', pid, 0, 0, 0, 0, 0))
                    attempt('write', lambda: call('process_vm_writev', pid, 0, 0, 0, 0, 0))
                attempt('traceme', lambda: call('ptrace', 0, 0, 0, 0))
                """
            ),
        ),
    ),
    Case(
        "limits and priorities of others",
        (
            python(
                """
                import resource
                for pid in (@worker@, @victim@):
                    attempt('nice', lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
                    attempt('cpus', lambda: os.sched_setaffinity(pid, {0}))
                    attempt('idle', lambda: os.sched_setscheduler(pid, 5, os.sched_param(0)))
                    attempt('limit', lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1)))
                    attempt('io', lambda: system_call(251, 30, 1, pid, 3 << 13))
                """
            ),
        ),
    ),
    Case(
        "limits and priorities of its own",
        (
            shell(
                "prlimit --pid $$ --nproc=unlimited",
                "prlimit --pid $$ --nofile=100000",
                "ulimit -H -c unlimited",
                "ulimit -H -f unlimited",
                "nice -n -5 true | grep .",
                "chrt -f 1 true",
            ),
        ),
    ),
    Case(
        "shared memory of the machine",
        (
            python(
                """
                attempt('shm', lambda: open('/dev/shm/@marker@', 'w'))
                attempt('segment', lambda: call('shmget', 4711, 64, 0o1666))
                attempt('queue', lambda: call('msgget', 4711, 0o1666))
                attempt('semaphore', lambda: call('semget', 4711, 1, 0o1666))
                """
            ),
        ),
        CONTAINED,
        DENIED,
    ),
)

CASES = (*SURVIVORS, *OTHERS)
