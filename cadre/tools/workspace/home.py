"""Where an open workspace lies, and directories made from it.

A run has `<state>/runs/<run>/repo.git`, its repository, and a directory for each workspace, there
as a whole or not at all. In that:

- `opened.json`, `setup.out`, `cache`: how it was opened, and what `setup` said and left
- `prepared`: the base commit and what `setup` made, never changed
- `steps`: who writes (steps.py)
- `tree.<generation>`: where calls write
- `view.<tree>`: a state that is read after it has passed
- `check.*`, `new.*`: in use for a moment; what a death leaves of them goes at the close
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cadre.domain.base import Value
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.runs import RUN_ID_PATTERN
from cadre.domain.workspaces import Workspace
from cadre.tools.sandbox.types import Mount
from cadre.tools.workspace.files import copy_tree, remove_tree
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.restore import restore

# None of what else lies beside the workspaces has such a name.
NAME_PATTERN = r"(?!trash$)[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?(\.[0-9]{1,6})?"

# Git in the sandbox: the files may belong to another user than the sandbox's, what it would
# refresh lies read-only, and the host's own configuration is out of its sight.
GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
    "GIT_OPTIONAL_LOCKS": "0",
}


class SetupRecord(Value):
    """How the setup command ended; its output lies beside."""

    command: str
    exit_code: int
    truncated: bool
    total_bytes: int
    timed_out: bool
    seconds: float
    out_of_memory: bool


class Opening(Value):
    """How a workspace was opened: the content of `opened.json`.

    `setup` is None where no command ran: none was asked for, or what it makes came from the cache.
    """

    workspace: Workspace
    sandbox: str
    notes: tuple[str, ...]
    setup_command: str | None
    setup_network: bool
    setup: SetupRecord | None


@dataclass(frozen=True)
class Home:
    """The place of one workspace; it need not exist yet."""

    run_path: Path
    name: str

    @classmethod
    def of(cls, state: Path, run: str, name: str) -> Home:
        """The place of workspace `name` of `run`; a CadreError where these are no names."""
        if not re.fullmatch(RUN_ID_PATTERN, run) or not re.fullmatch(NAME_PATTERN, name):
            raise CadreError(
                ErrorKind.WRONG_INPUT,
                f"{run!r}/{name!r} cannot name a run's workspace; use lower-case letters, digits "
                "and dashes, and for a workspace a number after a dot",
            )
        return cls(state / "runs" / run, name)

    @property
    def path(self) -> Path:
        """The workspace itself."""
        return self.run_path / self.name

    @property
    def repository(self) -> Path:
        """The run's repository."""
        return self.run_path / "repo.git"

    @property
    def prepared(self) -> Path:
        """The base commit and its environment."""
        return self.path / "prepared"

    @property
    def steps(self) -> Path:
        """Who writes."""
        return self.path / "steps"

    @property
    def trash(self) -> Path:
        """What is being removed."""
        return self.run_path / "trash"

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What the sandbox must show, read-only, for git to work in the workspace."""
        return (Mount(source=self.repository, target=str(self.repository)),)

    @property
    def git_file(self) -> bytes:
        """What `.git` holds in each directory of the workspace."""
        return f"gitdir: {self.repository}/worktrees/{self.name}\n".encode()

    def tree(self, generation: int) -> Path:
        """The directory of one generation."""
        return self.path / f"tree.{generation}"

    def opening(self) -> Opening | None:
        """How it was opened, None where it is not open."""
        try:
            return Opening.model_validate_json((self.path / "opened.json").read_bytes())
        except FileNotFoundError:
            return None

    def run_is_open(self) -> bool:
        """Whether any workspace of the run is open."""
        return any(self.run_path.glob("*/opened.json"))

    def cache(self) -> frozenset[bytes]:
        """The paths of what `setup` left, those of directories with a slash at their end."""
        return frozenset((self.path / "cache").read_bytes().split(b"\0")) - {b""}


def open_home(state: Path, workspace: Workspace) -> Home:
    """The place of a workspace that was opened on this machine, or a CadreError."""
    home = Home.of(state, workspace.run, workspace.name)
    if not (home.path / "opened.json").exists():
        raise CadreError(
            ErrorKind.WORKSPACE_LOST,
            f"workspace {workspace.name} of run {workspace.run} is not on this machine "
            f"({home.path}); start the run again",
        )
    return home


def materialise(home: Home, base: bytes, tree: bytes, target: Path, owner: int | None) -> None:
    """Make directory `target`: the prepared one (tree `base`), turned into `tree`.

    It appears as a whole; where another has made it meanwhile, that one stays.
    """
    draft = Path(tempfile.mkdtemp(prefix="new.", dir=home.path))
    try:
        made = draft / "tree"
        copy_tree(home.prepared, made)
        restore(made, base, tree, ObjectDatabase(home.repository), owner)
        draft.chmod(0o755)
        with contextlib.suppress(FileExistsError):
            _rename_new(made, target)
    finally:
        remove_tree(draft)


def ensure_git_file(directory: Path, content: bytes) -> None:
    """Put back `.git` where a command changed or removed it; git in the sandbox reads it."""
    path = directory / ".git"
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                if file.read(len(content) + 1) == content:
                    return
        remove_tree(path)
    except FileNotFoundError:
        pass
    with open(path, "xb") as file:  # noqa: PTH123
        file.write(content)
        os.fchmod(file.fileno(), 0o644)


def _rename_new(source: Path, target: Path) -> None:
    if target.exists():
        raise FileExistsError(target)
    try:
        source.rename(target)
    except OSError as error:
        if target.exists():
            raise FileExistsError(target) from error
        raise
