"""What commands cannot reach."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cadre.tools.sandbox import Level, Mount, give


async def test_nothing_outside_the_workspace_can_be_written(sh, tmp_path, workspace):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    (outside / "kept").write_text("as it was")
    (outside / "kept").chmod(0o666)
    targets = [f"{outside}/new", f"{outside}/kept", "/usr/x", "/etc/x", "/root/x", "/dev/x", "../x"]
    done = await sh("\n".join(f"(echo evil > {t}) && echo WROTE {t}" for t in targets))
    assert b"WROTE" not in done.output
    removal = await sh(f"rm -rf {outside} {workspace}; truncate -s 0 {outside}/kept; true")
    assert removal.exit_code == 0
    assert (outside / "kept").read_text() == "as it was"
    assert sorted(p.name for p in outside.iterdir()) == ["kept"]
    assert not (tmp_path / "x").exists()


async def test_nothing_outside_can_be_read(sh, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary-in-a-file")
    secret.chmod(0o644)
    tmp_path.chmod(0o755)
    done = await sh(
        f"cat {secret}; ln -s {secret} link; cat link; cat /proc/self/root{secret}; "
        f"cat /proc/{os.getpid()}/root{secret}; cat /etc/shadow"
    )
    assert b"canary" not in done.output
    assert b"root:" not in done.output


async def test_the_workspace_can_be_written_and_what_is_written_stays(sh, workspace):
    done = await sh("mkdir -p a/b && echo text > a/b/c && mv a/b/c a/d && ln -s d a/e && cat a/e")
    assert (done.exit_code, done.output) == (0, b"text\n")
    assert (workspace / "a/d").read_text() == "text\n"


async def test_a_read_only_workspace_is_read_only_but_temporary_files_work(sh, put, workspace):
    put("file", b"as it was")
    done = await sh(
        "for c in 'touch new' 'rm file' 'mv file other' 'mkdir d' 'truncate -s 0 file' "
        "'ln -s a b' 'ln file hard'; do $c 2>/dev/null && echo DID $c; done; "
        "echo text > $TMPDIR/x && cat $TMPDIR/x file",
        writable=False,
    )
    assert done.output == b"text\nas it was"
    assert [p.name for p in workspace.iterdir()] == ["file"]


PROBE_SOCKETS = """
import socket, sys
def attempt(name, make, address):
    try:
        s = make()
        s.settimeout(2)
        s.connect(address)
        s.send(b"leak")
        print("CONNECTED", name)
    except OSError as error:
        print("refused", name, error)
tcp, udp, path, abstract = sys.argv[1:]
attempt("tcp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM), ("127.0.0.1", int(tcp)))
attempt("path", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), path)
attempt("abstract", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), chr(0) + abstract)
try:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"leak", ("127.0.0.1", int(udp)))
except OSError as error:
    print("refused udp", error)
for family in (socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG):
    try:
        socket.socket(family, socket.SOCK_RAW if family == socket.AF_PACKET else socket.SOCK_STREAM)
        print("CONNECTED", family)
    except OSError as error:
        print("refused", family, error)
try:
    print("CONNECTED", socket.getaddrinfo("pypi.org", 443))
except OSError as error:
    print("refused dns", error)
"""


@pytest.fixture
def listeners(tmp_path):
    """Sockets on the host: their addresses, and whether anything arrives."""
    path = str(tmp_path / "socket")
    tcp = socket.create_server(("127.0.0.1", 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    unix, abstract = (socket.socket(socket.AF_UNIX) for _ in range(2))
    unix.bind(path)
    Path(path).chmod(0o777)
    abstract.bind(f"\0{path}")
    for listener in (unix, abstract):
        listener.listen()
    sockets = [tcp, udp, unix, abstract]
    for one in sockets:
        one.setblocking(False)
    yield [str(tcp.getsockname()[1]), str(udp.getsockname()[1]), path, path], sockets
    for one in sockets:
        one.close()


async def test_no_network_and_no_sockets_of_the_host(sandbox, workspace, listeners):
    addresses, (tcp, udp, unix, abstract) = listeners
    done = await sandbox.run(
        [sandbox.python, "-c", PROBE_SOCKETS, *addresses],
        workspace=workspace, writable=True, timeout=30,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert b"CONNECTED" not in done.output
    for listener in (tcp, unix, abstract):
        with pytest.raises(BlockingIOError):
            listener.accept()
    with pytest.raises(BlockingIOError):
        udp.recv(100)


async def test_the_network_can_be_given_but_no_local_sockets(sandbox, workspace, listeners):
    addresses, (tcp, _, unix, abstract) = listeners
    done = await sandbox.run(
        [sandbox.python, "-c", PROBE_SOCKETS, *addresses],
        workspace=workspace, writable=True, timeout=30, network=True,
    )  # fmt: skip
    assert b"CONNECTED tcp" in done.output
    tcp.accept()[0].close()
    for listener in (unix, abstract):
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_the_sandbox_has_its_own_loopback_or_none(sh, level):
    done = await sh(
        """python3 -c "
import socket
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname())
print('talked')" """
    )
    assert (b"talked" in done.output) is (level is Level.BWRAP)


DRIVER = """
import asyncio, sys
from pathlib import Path
from cadre.tools.sandbox import Level, open_sandbox, probe
sandbox = open_sandbox(probe(levels=[Level(sys.argv[1])]))
done = asyncio.run(sandbox.run(
    ["bash", "-c", sys.argv[3]], workspace=Path(sys.argv[2]), writable=True, timeout=60))
sys.stdout.buffer.write(done.output)
"""


async def test_the_engines_environment_is_nowhere(level, workspace):
    looked = (
        "env; cat /proc/*/environ /proc/*/task/*/environ /proc/*/cmdline; ps axeww; echo looked"
    )
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, level.value, str(workspace), looked],
        env={**os.environ, "ANTHROPIC_API_KEY": "canary-4711", "CANARY": "canary-4711",
             "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert b"looked" in done.stdout, done.stderr
    assert b"canary" not in done.stdout


async def test_commands_are_nobody_and_can_become_no_one_else(sh):
    done = await sh(
        "id -u; grep -E 'NoNewPrivs' /proc/self/status; unshare --user id; unshare --mount id; "
        "mount -t tmpfs x /mnt; chroot . /bin/true; su -c id"
    )
    lines = done.output.decode().splitlines()
    assert lines[0] not in ("0", "")
    assert "NoNewPrivs:\t1" in lines
    assert "uid=" not in done.output.decode()
    assert done.exit_code != 0


REFUSED_CALLS = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for name, *arguments in (
    ("ptrace", 0, 0, 0, 0), ("unshare", 0x10000000), ("keyctl", 0, 0), ("setns", 0, 0),
    ("process_vm_readv", 1, 0, 0, 0, 0, 0), ("syscall", 425, 1, 0),
):
    if not hasattr(libc, name):
        continue
    result = libc.__getattr__(name)(*arguments)
    print(name, result, errno.errorcode.get(ctypes.get_errno()))
"""


async def test_dangerous_system_calls_are_refused(sandbox, workspace):
    done = await sandbox.run(
        [sandbox.python, "-c", REFUSED_CALLS], workspace=workspace, writable=True, timeout=30
    )
    lines = done.output.decode().splitlines()
    assert len(lines) >= 5
    assert all(line.endswith("-1 EPERM") for line in lines), lines


async def test_threads_and_subprocesses_and_pairs_of_sockets_work(sandbox, workspace):
    script = (
        "import asyncio, socket, subprocess, threading\n"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
        "print(subprocess.check_output(['echo', 'child']).decode().strip(), flush=True)\n"
        "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))\n"
        "async def main(): print(await asyncio.to_thread(lambda: 'loop'))\n"
        "asyncio.run(main())\n"
    )
    done = await sandbox.run(
        [sandbox.python, "-c", script], workspace=workspace, writable=True, timeout=30
    )
    assert done.output.decode().split() == ["thread", "child", "b'x'", "loop"]


async def test_no_signal_reaches_a_process_outside(sh, sandbox):
    identity = {} if sandbox.owner is None else {"user": sandbox.owner, "group": sandbox.owner}
    with subprocess.Popen(["sleep", "1000"], **identity) as outside:
        await sh(f"kill -9 {outside.pid} {os.getpid()} $PPID; kill -9 -1")
        assert outside.poll() is None
        outside.kill()


async def test_a_mount_is_seen_and_only_a_writable_one_can_be_written(sandbox, sh, tmp_path, level):
    readable, writable = tmp_path / "readable", tmp_path / "writable"
    for path in (readable, writable):
        path.mkdir()
        (path / "file").write_text(f"in {path.name}\n")
        give(path, sandbox.owner)
    at = (
        {readable: "/given/readable", writable: "/given/writable"}
        if level is Level.BWRAP
        else {p: str(p) for p in (readable, writable)}
    )
    mounts = [Mount(readable, at[readable]), Mount(writable, at[writable], writable=True)]
    done = await sh(
        f"cat {at[readable]}/file {at[writable]}/file; echo changed > {at[writable]}/file; "
        f"echo changed > {at[readable]}/file",
        mounts=mounts,
    )
    assert done.output.startswith(b"in readable\nin writable\n")
    assert (writable / "file").read_text() == "changed\n"
    assert (readable / "file").read_text() == "in readable\n"


async def test_git_can_be_looked_at_and_not_changed(sandbox, sh, tmp_path, workspace, level):
    def git(*arguments, cwd=tmp_path):
        return subprocess.run(
            ["git", "-c", "user.name=A", "-c", "user.email=a@example.invalid", *arguments],
            cwd=cwd, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    repository = tmp_path / "repo.git"
    git("init", "-q", "--bare", str(repository))
    workspace.rmdir()
    tree = git("hash-object", "-t", "tree", "-w", "/dev/null", cwd=repository).strip()
    commit = git("commit-tree", "-m", "root", tree, cwd=repository).strip()
    git("worktree", "add", "-q", "--detach", str(workspace), commit, cwd=repository)
    (workspace / "file").write_text("one\n")
    git("add", "file", cwd=workspace)
    git("commit", "-q", "-m", "first", cwd=workspace)
    (workspace / "file").write_text("two\n")
    (workspace / "new").write_text("new\n")
    link = (workspace / ".git").read_text()
    head = repository / "worktrees/workspace/HEAD"
    before = head.read_text()
    give(workspace, sandbox.owner)
    options = {
        "mounts": [Mount(repository, str(repository))],
        "env": {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        },
    }
    done = await sh("git status --short && git log --format=%s && git diff --stat", **options)
    assert done.exit_code == 0, done.output
    assert b" M file\n?? new\nfirst\nroot\n file | 2 +-\n" in done.output
    commit = await sh("git -c user.name=x -c user.email=x commit -am evil", **options)
    assert commit.exit_code != 0
    assert head.read_text() == before
    if level is Level.BWRAP:  # Landlock cannot take a part out of a directory
        await sh("rm -rf .git; mv .git x; echo gitdir: /tmp > .git; true", **options)
        assert (workspace / ".git").read_text() == link
