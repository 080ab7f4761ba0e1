"""A run that is about to deliver, to a remote whose hooks wait, or to a branch that is locked."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.harness import Home, git, make_repo, pid_of, until
from tests.e2e.scenarios.approving import FILES
from tests.full.test_approval import begin, ended, say, waiting

# Each writes down that it came so far, and waits for a file.
BEFORE = "#!/bin/sh\necho $$ >> {at}/begun\nwhile [ ! -e {at}/go ]; do sleep 0.05; done\n"
AFTER = (
    "#!/bin/sh\ncat >> {at}/moved\necho $$ >> {at}/hook\n"
    "while [ ! -e {at}/end ]; do sleep 0.05; done\n"
)


class Place:
    """A repository with a remote whose hooks wait, and a run that is about to deliver."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = Home(root)
        self.repo = make_repo(root / "repo", FILES)
        git(self.repo, "config", "user.name", "Tester")
        git(self.repo, "config", "user.email", "tester@example.invalid")
        git(root, "clone", "-q", "--bare", str(self.repo), "origin.git")
        self.remote = root / "origin.git"
        git(self.repo, "remote", "add", "origin", str(self.remote))
        for name, script in (("pre-receive", BEFORE), ("post-receive", AFTER)):
            hook = self.remote / "hooks" / name
            hook.write_text(script.format(at=root))
            hook.chmod(0o755)
        git(self.repo, "switch", "-q", "-c", "mine")
        self.old = git(self.repo, "rev-parse", "main")

    def lines(self, name: str) -> list[str]:
        """What the hooks wrote down."""
        path = self.root / name
        return path.read_text().splitlines() if path.exists() else []

    def approve(self, where: str) -> str:
        """Begin a run, and approve its result; the approved commit."""
        begin(self.home, self.repo, "run", "--deliver", where)
        waiting(self.home, "run", "result.1")
        say(self.home, "approve", "run", "result.1")
        return git(self.repo, "rev-parse", "cadre/run")

    def kill(self, *names: str) -> None:
        """SIGKILL these services at once, and wait until others serve in their place."""
        before = {name: self.pid(name) for name in names}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        for name, pid in before.items():
            until(lambda n=name, p=pid: self._found(n) not in (p, None), f"another {name}")  # type: ignore[misc]

    def pid(self, name: str) -> int:
        found: int = until(lambda: self._found(name), f"a {name}")
        return found

    def _found(self, name: str) -> int | None:
        return pid_of(self.home.services(), name)

    def delivered(self) -> dict[str, Any]:
        """The one line of the run's deliveries, of a run in which nobody was asked but once."""
        result = ended(self.home, "run")
        assert [decision["id"] for decision in result["decisions"]] == ["result.1"], result
        [line] = result["deliveries"]
        return dict(line)

    def at_remote(self) -> str:
        return git(self.remote, "rev-parse", "main")

    def stored(self) -> Path:
        """How the first try of the delivery ended, as its maker knew."""
        return self.home.state / "store/runs/run/deliveries/delivery.1.1.ended.json"


class Held:
    """A branch whose reference is locked, as by another git that works on it; ours waits."""

    def __init__(self, repo: Path) -> None:
        self._repo = repo
        git(repo, "config", "core.filesRefLockTimeout", "-1")
        self._lock = repo / ".git/refs/heads/main.lock"
        self._lock.open("x").close()

    def free(self) -> None:
        self._lock.unlink(missing_ok=True)

    def waiting(self) -> list[int]:
        """The processes that are about to move the branch, none of which has."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended meanwhile
                words = path.read_bytes().split(b"\0")
                if b"update-ref" in words and f"--git-dir={self._repo}/.git".encode() in words:
                    found.append(int(path.parent.name))
        return found
