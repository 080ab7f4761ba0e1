"""The workspace's directory: that it is there, and whose its files are."""

from __future__ import annotations

import os
from pathlib import Path

from cadre.domain.errors import CadreError, ErrorKind


def give(path: Path, owner: int | None) -> None:
    """Make `owner` (see `Sandbox.owner`) the owner of `path` and all below it.

    Symbolic links are changed themselves, never followed. Does nothing where `owner` is None.
    """
    if owner is None:
        return
    os.chown(path, owner, owner, follow_symlinks=False)
    if path.is_dir() and not path.is_symlink():
        for _, directories, files, at in os.fwalk(path):
            for name in (*directories, *files):
                os.chown(name, owner, owner, dir_fd=at, follow_symlinks=False)


def require_workspace(path: Path) -> None:
    """Raise CadreError (WORKSPACE_LOST) if the directory is not there."""
    if not path.is_dir():
        raise CadreError(ErrorKind.WORKSPACE_LOST, f"the workspace {path} is gone")
