"""The process tree of a command that no namespace keeps together.

Three processes stand in a row. The *launcher*, which the engine knows, dies with the engine. The
*root* of the tree adopts every orphan below it, and ends the whole tree when the command or the
launcher ends. The *command* gives up what it may do and becomes the agent's command. Since a
command can signal neither of the others, no order of deaths leaves a process behind.
"""
# ruff: noqa: PTH123, PTH208, SIM105 - this starts for every command, and pathlib and contextlib
# are slow to import

from __future__ import annotations

import marshal
import os
import signal
import sys

from cadre.tools.launcher.confine import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, confine, prctl

TYPE_CHECKING = False  # as in typing, which is slow to import too
if TYPE_CHECKING:
    from typing import Any

    Spec = dict[str, Any]


def main() -> None:
    """Launch what the descriptor in the first argument describes; report to the second."""
    with open(int(sys.argv[1]), "rb") as file:
        spec: Spec = marshal.load(file)  # noqa: S302 - the engine wrote it
    spec["status"] = int(sys.argv[2])
    _die_with(spec["engine"], signal.SIGKILL)
    os.set_inheritable(spec["status"], False)
    me, root = os.getpid(), os.fork()
    if root == 0:
        code = 1
        try:
            code = _tree_root(spec, me)
        finally:
            os._exit(code)
    _report(spec, "child-pid", root)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(root, 0)[1]))


def _tree_root(spec: Spec, launcher: int) -> int:
    """Be the root of the tree: start the command, and end all when it or the launcher ends."""
    signals = {signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    os.setsid()
    _die_with(launcher, signal.SIGTERM)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    failure, told = os.pipe()
    me, command = os.getpid(), os.fork()
    if command == 0:
        _become_command(spec, me, told)
    os.close(told)
    code = None
    if problem := os.read(failure, 4096):
        os.write(2, problem)
    else:
        while code is None and signal.sigwait(signals) == signal.SIGCHLD:
            code = _reaped(command)
    if code is not None:
        _report(spec, "exit-code", code)
    _end_tree(me)
    if code is None:
        _clear(spec["temporary"])
    return 1 if code is None else code


def _become_command(spec: Spec, parent: int, told: int) -> None:
    """Give up what the command may not do, and become it. Says on `told` why it could not."""
    try:
        os.setsid()
        os.chdir(spec["cwd"])
        os.close(spec["status"])
        confine(spec)
        _die_with(parent, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 - no shell is wanted
    except BaseException as error:
        os.write(told, f"{type(error).__name__}: {error}".encode())
        raise
    finally:
        os._exit(1)


def _reaped(command: int) -> int | None:
    """Collect what has ended; the command's exit status if it is among it."""
    code = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == command:
                code = os.waitstatus_to_exitcode(ended[1])
    except ChildProcessError:
        pass
    return code if code is None or code >= 0 else 128 - code


def _end_tree(root: int) -> None:
    """Kill all descendants, again and again until none is left to be collected."""
    while True:
        for pid in _descendants(root):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        signal.sigtimedwait({signal.SIGCHLD}, 0.002)


def _descendants(root: int) -> list[int]:
    """The IDs of all processes below `root`."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(parent, []).append(int(name))
    found, frontier = [], [root]
    while frontier:
        below = children.get(frontier.pop(), [])
        found += below
        frontier += below
    return found


def _die_with(parent: int, number: int) -> None:
    """Have the kernel send a signal when `parent` dies, which may just have happened."""
    prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def _report(spec: Spec, name: str, value: int) -> None:
    """Tell the engine; it may be gone."""
    try:
        os.write(spec["status"], f'{{"{name}": {value}}}\n'.encode())
    except BrokenPipeError:
        pass


def _clear(directory: str) -> None:
    """Remove a directory that the engine may no longer be there to remove."""
    import shutil  # noqa: PLC0415 - slow, and most commands do without

    shutil.rmtree(directory, ignore_errors=True)
