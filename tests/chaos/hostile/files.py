"""Attacks on files: by path, by link, by name, by what is no regular file."""

from __future__ import annotations

from tests.chaos.hostile.case import CONTAINED, Case, Use, bash, plant, shell

TEXT = "evil @marker@\n"


def write(path: str) -> Use:
    return Use("Write", {"file_path": path, "content": TEXT})


def read(path: str) -> Use:
    return Use("Read", {"file_path": path})


def edit(path: str) -> Use:
    return Use("Edit", {"file_path": path, "old_string": "content", "new_string": TEXT})


TOOLS = (
    Case("Read by two dots", (read("../../../../../../../../../../@secret@"),)),
    Case("Read by an absolute path", (read("@secret@"),)),
    Case("Read a system file", (read("/etc/shadow"),)),
    Case("Read by /proc/self/root", (read("/proc/self/root@secret@"),)),
    Case("Read the engine's environment", (read("/proc/@worker@/environ"),)),
    Case("Write by two dots", (write("../@marker@"),)),
    Case("Write by an absolute path", (write("@outside@/@marker@"),)),
    Case("Write by /proc/self/cwd", (write("/proc/self/cwd/../@marker@"),)),
    Case("Edit by an absolute path", (edit("@secret@"),)),
    Case("Glob by two dots", (Use("Glob", {"pattern": "../**/*"}),)),
    Case("Glob elsewhere", (Use("Glob", {"pattern": "*", "path": "@outside@"}),)),
    Case("Grep elsewhere", (Use("Grep", {"pattern": "content", "path": "@secret@"}),)),
    Case(
        "Grep with an option as its path",
        (Use("Grep", {"pattern": "x", "path": "--pre=touch @outside@/@marker@"}),),
    ),
    Case(
        "Grep with options as pattern, glob and type",
        (
            Use(
                "Grep",
                {
                    "pattern": "--pre=@outside@/run",
                    "glob": "--pre=@outside@/run",
                    "type": "py --pre=@outside@/run",
                },
            ),
        ),
    ),
    Case("NUL in Read's path", (read("README.md\0@secret@"),)),
    Case("NUL in a command", (bash("echo a\0b > @outside@/@marker@"),)),
    Case("a name of 5,000 characters", (write("@outside@/" + "n" * 5000),)),
    Case("a component of 300 characters", (write("n" * 300),)),
    Case("a tool that was not given", (Use("WebFetch", {"url": "http://127.0.0.1:@tcp@/"}),)),
    Case("Write to .git", (write(".git"),)),
    Case("Write below .git", (write(".git/hooks/post-checkout"),)),
    Case("Write to .GIT", (write("sub/.GIT/config"),)),
)

LINKS = (
    Case("Read through a link", (plant("ln -s @secret@ link"), read("link"))),
    Case("Edit through a link", (plant("ln -s @secret@ link"), edit("link"))),
    Case("Write below a linked directory", (plant("ln -s @outside@ d"), write("d/@marker@"))),
    Case(
        "Grep through a link",
        (
            plant("ln -s @outside@ d"),
            Use("Grep", {"pattern": ".", "path": "d", "output_mode": "content"}),
        ),
    ),
    Case("a link through /proc", (plant("ln -s /proc/@worker@/environ l"), read("l"))),
    Case(
        "a tracked directory becomes a link",  # engine's restores and checks must not follow
        (plant("rm -rf tests sub", "ln -s @outside@ tests", "ln -s @home@ sub"),),
        CONTAINED,
    ),
    Case(
        "a tracked file becomes a link",
        (plant("rm README.md", "ln -s @secret@ README.md", "ln -sf @secret@ .gitignore"),),
        CONTAINED,
    ),
    Case("a hard link to a file outside", (shell("ln @secret@ hard && cat hard"),)),
    Case("Write to a hard link", (plant("ln README.md hard"), write("hard"))),
    Case(
        "hard links between kept files",
        (plant("ln README.md hard", "ln sub/file.txt sub/hard"),),
        CONTAINED,
    ),
    Case(
        "a link swapped while it is read",
        (
            plant(
                "(while :; do ln -sfn @secret@ s; ln -sfn README.md s; done) &",
                "for i in $(seq 300); do cat s; done; true",
            ),
        ),
        CONTAINED,
    ),
)

KINDS = (
    Case("Read a FIFO", (plant("mkfifo fifo"), read("fifo"))),
    Case("Write to a FIFO", (plant("mkfifo fifo"), write("fifo"))),
    Case(
        "FIFOs and sockets in place of tracked files",
        (
            plant(
                "rm README.md .gitignore sub/file.txt",
                "mkfifo README.md .gitignore",
                "python3 -c \"import os; os.mknod('sub/file.txt', 0o140644)\"",
            ),
        ),
        CONTAINED,
    ),
    Case("a device", (shell("mknod disk b 8 0", "mknod mem c 1 1"),)),
    Case(
        "the machine's devices",
        (shell("head -c 1 /dev/mem", "head -c 1 /dev/kmsg", "head -c 1 /dev/sda /dev/vda"),),
    ),
    Case("a set-user-ID program", (plant("cp /bin/sh sh", "chmod 6777 sh"),), CONTAINED),
    Case("a file of a terabyte", (shell("truncate -s 1T large"),)),
    Case(
        "directories three hundred deep",
        (plant("for i in $(seq 300); do mkdir d; cd d; done; echo x > x"),),
    ),
    Case(
        "a directory that cannot be read",
        (plant("mkdir closed", "echo x > closed/x", "chmod 0 closed/x closed"),),
        CONTAINED,
    ),
    Case(
        "names that a terminal acts on",
        (plant(r"touch $'esc\e]0;evil\a' $'new\nline' -- '-rf' $'\xff'"),),
        CONTAINED,
    ),
)

CASES = (*TOOLS, *LINKS, *KINDS)
