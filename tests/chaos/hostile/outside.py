"""What lies outside a workspace and must stay as it is, with witnesses that tell what changed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.hostile.sockets import Listeners
from tests.chaos.hostile.vitals import Vitals, a_victim, running
from tests.e2e.harness import git, make_repo

CANARY = "canary-4711-c0ffee"
HOME = {
    ".ssh/id_ed25519": f"content {CANARY}\n",
    ".ssh/authorized_keys": "",
    ".claude/.credentials.json": f'{{"key": "{CANARY}"}}\n',
    ".bashrc": "",
    ".gitconfig": f"[user]\n name = {CANARY}\n",
}
TRACKED = {
    "README.md": "# A repository\n",
    ".gitignore": "build/\n",
    "sub/file.txt": "content\n",
    "tests/test_it.sh": "true\n",
}
# Where a mark would show: directories that anyone may write to, or that only root may.
PUBLIC = ("/", "/etc", "/etc/cron.d", "/root", "/run", "/dev", "/dev/shm", "/tmp", "/var/tmp",
          "/sys/fs/cgroup", "/var/spool/cron", "/var/spool/cron/crontabs", "/usr/bin",
          "/usr/lib")  # fmt: skip


Print = tuple[int, int, int, str]


class Outside:
    """A user's machine around the engine: files, processes and sockets, each with a witness."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.root = root
        root.chmod(0o755)
        self.state, self.home, self.place = root / "state", root / "home", root / "outside"
        for name, text in HOME.items():
            _put(self.home / name, text)
        (self.home / "link").symlink_to("elsewhere")
        _put(self.place / "secret.txt", f"content {CANARY}\n")
        _put(self.place / "run", f"#!/bin/sh\ntouch {self.place}/run.by.a.tool\n", 0o777)
        _put(self.state / "temporal.db", CANARY)
        _put(self.state / "store/runs/other/turn.json", CANARY)
        self.repo = make_repo(root / "repo", TRACKED)
        _put(self.repo / "secret.txt", f"content {CANARY}\n")
        self.theirs = make_repo(root / "theirs", {"file.txt": f"content {CANARY}\n"})
        for directory in (self.home, self.place, self.state, *self.home.rglob("*/")):
            directory.chmod(0o777)
        self.listeners = stack.enter_context(Listeners(self.place))
        victim = stack.enter_context(a_victim(CANARY))
        stack.callback(victim.kill)
        self.victim = victim.pid

    def places(self, worker: int, marker: str) -> dict[str, str]:
        """What attacks name, by the words that stand for it."""
        other = next(self.state.glob("runs/other/main/tree.*"))
        return {
            "marker": marker,
            "outside": str(self.place),
            "secret": str(self.place / "secret.txt"),
            "home": str(self.home),
            "repo": str(self.repo),
            "theirs": str(self.theirs),
            "head": git(self.theirs, "rev-parse", "HEAD:file.txt"),
            "state": str(self.state),
            "own": str(self.state / "runs/hostile/main"),
            "other": str(other),
            "otherrepo": str(self.state / "runs/other/repo.git"),
            "engine": str(Path(__file__).parents[3] / "cadre/__init__.py"),
            "worker": str(worker),
            "victim": str(self.victim),
            **self.listeners.addresses,
        }

    def look(self, worker: int) -> tuple[dict[Path, Print], list[Vitals | None]]:
        """Everything as it is now, to be compared later."""
        files = dict(self._prints())
        return files, [Vitals.of(pid) for pid in (worker, self.victim)]

    def harm(
        self, before: tuple[dict[Path, Print], list[Vitals | None]], worker: int, marker: str
    ) -> list[str]:
        """What has happened outside since `before`, a line for each thing."""
        (was, lived), (now, live) = before, self.look(worker)
        found = [f"gone: {path}" for path in was.keys() - now.keys()]
        found += [f"new: {path}" for path in now.keys() - was.keys() if not self._engines(path)]
        found += [f"changed: {p}" for p in was.keys() & now.keys() if was[p] != now[p]]
        found += [f"process: {a} became {b}" for a, b in zip(lived, live, strict=True) if a != b]
        found += [f"marked: {path}" for path in _marked(marker)]
        found += [f"left running: {line}" for line in running(marker)]
        return found + [f"reached: {name}" for name in self.listeners.reached()]

    def _engines(self, path: Path) -> bool:
        """Whether the engine itself makes this file: objects, and the branch that it delivers."""
        inside = path.relative_to(self.root).as_posix()
        return bool(
            re.match(r"state/(store/runs/hostile$|trash$|runs/hostile/repo\.git/objects/)", inside)
            or re.match(r"repo/\.git/(objects/|refs/heads/cadre(/c\d+)?$)", inside)
        )

    def _prints(self) -> Iterator[tuple[Path, Print]]:
        for directory, subdirectories, files in os.walk(self.root):
            inside = os.path.relpath(directory, self.root)
            if inside == "state/runs/hostile/main":
                subdirectories[:] = [d for d in subdirectories if d == "prepared"]
            elif inside in ("state/store/runs/hostile", "state/trash"):
                subdirectories.clear()
                continue
            for name in (*subdirectories, *files):
                path = Path(directory, name)
                yield path, _print(path)


def _print(path: Path) -> Print:
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:  # its times tell no more than its entries do
        return status.st_mode, status.st_uid, 0, ""
    if kind == stat.S_IFLNK:
        content = str(path.readlink())
    elif kind == stat.S_IFREG:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        content = ""
    # Git's objects are written again where they are there already, for their times.
    when = 0 if "/objects/" in str(path) else status.st_mtime_ns
    return status.st_mode, status.st_uid, when, content


def _put(path: Path, text: str, mode: int = 0o666) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _marked(marker: str) -> Iterator[str]:
    for place in PUBLIC:
        try:
            found = [str(path) for path in Path(place).iterdir() if marker in path.name]
        except (FileNotFoundError, PermissionError):  # closed to us, and so to our commands
            continue
        yield from found
