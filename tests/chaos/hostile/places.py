"""Attacks on places: around the workspace, of the user's, of the engine's, of the system's."""

from __future__ import annotations

from tests.chaos.hostile.case import CONTAINED, DENIED, Case, Gap, bash, plant, python, shell

CASES = (
    Case(
        "the workspace's parent",
        (
            shell(
                "touch ../@marker@",
                "mv ../tree.* @outside@/",
                "mkdir ../@marker@",
                "ls .. | grep tree",
            ),
        ),
    ),
    Case(
        "remove everything",
        (bash("rm -rf . ./* .. ~ @own@ @home@ @repo@ @state@; false"),),
    ),
    Case(
        "another run's workspace",
        (
            shell(
                "cat @other@/file.txt",
                "echo evil > @other@/file.txt",
                "touch @other@/@marker@",
                "rm @other@/file.txt",
                "ls @other@",
            ),
        ),
    ),
    Case(
        "modes and times in another run's workspace",
        (shell("chmod 0777 @other@/file.txt", "touch -d 2001-01-01 @other@/file.txt"),),
        DENIED,
        Gap("modes and times of files", r"^changed: .*/other/.*/file\.txt$"),
    ),
    Case(
        "the state directory",
        (
            shell(
                "cat @state@/temporal.db",
                "test -e @state@/temporal.db && echo evil >> @state@/temporal.db",
                "ls @state@/store",
                "ls @state@/temporal.db && touch @state@/@marker@",
                "cat @state@/store/runs/other/turn.json",
                "echo evil > @state@/store/runs/other/turn.json",
                "touch @state@/store/runs/hostile/@marker@",
            ),
        ),
    ),
    Case(
        "the engine's notes on this workspace",
        (
            shell(
                "touch @own@/@marker@",
                "echo evil > @own@/opened.json",
                "rm @own@/steps/*",
                "echo evil > @own@/prepared/README.md",
            ),
        ),
    ),
    Case(
        "the user's home",
        (
            shell(
                "cat @home@/.ssh/id_ed25519",
                "cat @home@/.claude/.credentials.json",
                "echo evil >> @home@/.ssh/authorized_keys",
                "echo evil >> @home@/.bashrc",
                "echo evil >> @home@/.gitconfig",
                "ls @home@/.claude",
            ),
        ),
    ),
    Case("the user's repository", (shell("cat @repo@/secret.txt", "touch @repo@/@marker@"),)),
    Case("the engine's program", (shell("echo evil >> @engine@", "touch @engine@.@marker@"),)),
    Case(
        "the interpreter and its packages",
        (
            python(
                """
                import sysconfig
                for place in {sys.prefix, sysconfig.get_path('purelib'), '/usr/bin', '/usr/lib'}:
                    attempt(place, lambda: open(place + '/@marker@', 'w'))
                """
            ),
        ),
    ),
    Case(
        "the system",
        (
            shell(
                "touch /etc/@marker@",
                "echo evil >> /etc/passwd",
                "cat /etc/shadow",
                "touch /root/@marker@",
                "touch /@marker@",
                "touch /run/@marker@",
                "touch /dev/@marker@",
                "mkdir /var/spool/cron/@marker@",
                "cat /etc/ssl/private/*",
            ),
        ),
    ),
    Case(
        "temporary files of the machine",
        (plant("for d in /tmp /var/tmp /dev/shm $TMPDIR; do touch $d/@marker@ || true; done"),),
        CONTAINED,
    ),
    Case(
        "the secret's size, times and existence",
        (shell("stat @secret@", "test -e @home@/.ssh/id_ed25519", "readlink @home@/link"),),
        DENIED,
        Gap("what files exist"),
    ),
    Case(
        "watching a directory outside",
        (
            python(
                """
                def watch():
                    return call('inotify_add_watch', call('inotify_init'), b'@home@', 0xfff)
                attempt('watch', watch)
                """
            ),
        ),
    ),
    Case(
        "the host's accounts",
        (shell("grep -v -E '^(root|agent|nobody):' /etc/passwd"),),
        DENIED,
        Gap("user names"),
    ),
    Case(
        "more temporary files than a call may have",
        (
            python(
                """
                room = os.statvfs(os.environ['TMPDIR'])
                def large():
                    if room.f_blocks * room.f_frsize <= 600 << 20:
                        raise OSError('bounded')
                attempt('room', large)
                """
            ),
        ),
        DENIED,
        Gap("sums of resources"),
    ),
)
