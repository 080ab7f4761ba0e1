import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from cadre.domain.workspaces import OpenWorkspace
from cadre.tools.sandbox import Level, open_sandbox, probe
from cadre.tools.workspace import Workspaces

IDENTITY = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "PATH": os.environ["PATH"],
}


class Git:
    """The git command on one repository: the independent witness."""

    def __init__(self, path):
        self.path = Path(path)

    def __call__(self, *args, data=None):
        done = subprocess.run(
            ["git", *args], cwd=self.path, env=IDENTITY, input=data, capture_output=True, check=True
        )
        return done.stdout.decode(errors="surrogateescape").strip()

    def write(self, files):
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def commit(self, files=None, message="work"):
        self.write(files or {})
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD")


@pytest.fixture(scope="session")
def sandbox():
    found = probe()
    assert found.level is Level.BWRAP, found.reasons
    return open_sandbox(found)


@pytest.fixture(scope="session")
def landlock():
    found = probe(levels=(Level.LANDLOCK,))
    assert found.level is Level.LANDLOCK, found.reasons
    return open_sandbox(found)


@pytest.fixture
def new_repo(tmp_path):
    def make(files=None, name="repo"):
        path = tmp_path / name
        path.mkdir()
        git = Git(path)
        git("init", "-q", "-b", "main")
        git.commit(files if files is not None else {"a.txt": "one\n", "src/b.py": "b = 1\n"})
        return git

    return make


@pytest.fixture
def repo(new_repo):
    return new_repo()


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state"
    path.mkdir()
    return path


@pytest.fixture
def workspaces(state, sandbox):
    return Workspaces(state, sandbox)


@pytest.fixture
def opened(workspaces):
    async def open_it(git, run="r1", **more):
        return await workspaces.open(OpenWorkspace(run=run, repo=str(git.path), **more))

    return open_it


@pytest.fixture
def run_git(state):
    """The git command on a run's repository."""
    return lambda run="r1": Git(state / "runs" / run / "repo.git")


@pytest.fixture
def listing():
    """What a directory holds: kind, mode and content of all below it but `.git`."""

    def look(root):
        found = {}
        for path in Path(root).rglob("*"):
            where = path.relative_to(root)
            if ".git" in where.parts or (path.is_dir() and not path.is_symlink()):
                continue
            if path.is_symlink():
                leaf = ("link", os.fsencode(path.readlink()))
            else:
                leaf = ("x" if path.stat().st_mode & 0o111 else "-", path.read_bytes())
            found[os.fsencode(where)] = leaf
        return found

    return look


@pytest.fixture
def fingerprint():
    """Every file and directory below a path, with its bytes and its times."""

    def take(root):
        found = {}
        for path in sorted(Path(root).rglob("*")):
            status = path.lstat()
            content = b""
            if path.is_symlink():
                content = os.fsencode(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            times = None if path.is_dir() else status.st_mtime_ns
            found[str(path.relative_to(root))] = (status.st_mode, times, digest)
        return found

    return take
