"""The git command on the user's repository, as the operator: for what is theirs to do there, such
as their remotes with their credentials. No hook runs unless the operator wants it, nothing is asked
at a terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cadre.domain.errors import CadreError, ErrorKind

_SECONDS = 60
# A worker's own settings and keys, which are nobody else's business.
_OURS = ("CADRE_", "TEMPORAL_", "ANTHROPIC_")
# What would have git work on another repository than it is told.
_ELSEWHERE = frozenset(
    {
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES",
    }
)  # fmt: skip


def operators_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command of the operator's: the worker's without what is Cadre's."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_OURS) and name not in _ELSEWHERE
    }
    return kept | {"GIT_TERMINAL_PROMPT": "0"}


def git_words(gitdir: Path, *arguments: str, hooks: bool = False) -> list[str]:
    """A git command on the repository whose git directory is `gitdir`."""
    off = [] if hooks else ["-c", "core.hooksPath=/dev/null"]
    return ["git", *off, f"--git-dir={gitdir}", *arguments]


def run_git(gitdir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a git command that takes no time; its exit status says how it went."""
    try:
        return subprocess.run(
            git_words(gitdir, *arguments),
            env=operators_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise CadreError(
            ErrorKind.DELIVERY, "there is no git command on this machine; install git"
        ) from None
    except subprocess.TimeoutExpired:
        raise CadreError(
            ErrorKind.DELIVERY, f"git {arguments[0]} took over {_SECONDS} s in {gitdir}"
        ) from None


def held_by(gitdir: Path, branch: str) -> str | None:
    """The checkout that has `branch` checked out; None where there is none."""
    listed = run_git(gitdir, "worktree", "list", "--porcelain").stdout
    for block in listed.split("\n\n"):
        lines = block.splitlines()
        if f"branch refs/heads/{branch}" in lines and "bare" not in lines:
            return lines[0].removeprefix("worktree ")
    return None


def move(gitdir: Path, branch: str, old: str, new: str) -> bool:
    """Let a branch go from `old` to `new`; whether it was at `old`, or at `new` already.

    Raises CadreError (DELIVERY) where a checkout has it: its files would not follow.
    """
    reference = f"refs/heads/{branch}"
    if tip_of(gitdir, branch) == new:
        return True
    if (checkout := held_by(gitdir, branch)) is not None:
        raise CadreError(
            ErrorKind.DELIVERY,
            f"branch {branch} is checked out in {checkout}, where its files would not follow: "
            f"switch to another branch there, or run `git -C {checkout} merge --ff-only {new}`",
        )
    # A reflog that is there goes on; one that root made could not be written by the user.
    no_new_log = ("-c", "core.logAllRefUpdates=false")
    done = run_git(gitdir, *no_new_log, "update-ref", "-m", "cadre: delivery", reference, new, old)
    if done.returncode == 0:
        return True
    if tip_of(gitdir, branch) != old:
        return False
    raise CadreError(ErrorKind.DELIVERY, f"branch {branch}: {done.stderr.strip()[-300:]}")


def tip_of(gitdir: Path, branch: str) -> str | None:
    """The commit that a branch is at; None where there is no such branch."""
    found = run_git(gitdir, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
    return found.stdout.strip() or None if found.returncode == 0 else None
