"""Workspaces of one run on the same base: the first is made, the others are copies of it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from cadre.domain.workspaces import OpenWorkspace
from cadre.tools.workspace.clone import add_worktree
from cadre.tools.workspace.files import copy_tree, make_directory, remove_tree, write_atomic
from cadre.tools.workspace.home import Home, Opening, ensure_git_file


def find_sibling(home: Home, request: OpenWorkspace, base: str, level: str) -> Home | None:
    """An open workspace of the run that was made as `request` asks, from commit `base`: itself,
    where it is open by now."""
    wanted = (base, level, request.setup, request.setup_network)
    found = home.run_path.glob("*/opened.json")
    for path in sorted(found, key=lambda path: (path.parent != home.path, path)):
        sibling = Home(home.run_path, path.parent.name)
        opening = sibling.opening()
        if opening is not None and wanted == (
            opening.workspace.base,
            opening.sandbox,
            opening.setup_command,
            opening.setup_network,
        ):
            return sibling
    return None


def copy_sibling(sibling: Home, home: Home) -> None:
    """Open the workspace `home` as `sibling` was opened; another attempt may be faster."""
    opening = sibling.opening()
    if opening is None:
        return  # the run is being closed
    add_worktree(home.repository, home.name, opening.workspace.base)
    draft = draft_of(home)
    try:
        made = draft / home.name
        copy_tree(sibling.prepared, made / "prepared")
        ensure_git_file(made / "prepared", home.git_file)
        for name in ("cache", "setup.out"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(sibling.path / name, made / name)
        workspace = opening.workspace.model_copy(update={"name": home.name})
        publish(home, made, opening.model_copy(update={"workspace": workspace}))
    finally:
        remove_tree(draft)


def draft_of(home: Home) -> Path:
    """A directory aside, with one in it to become the workspace."""
    draft = Path(tempfile.mkdtemp(prefix="new.", dir=home.run_path))
    draft.chmod(0o755)
    make_directory(draft / home.name)
    make_directory(draft / home.name / "steps")
    return draft


def publish(home: Home, made: Path, opening: Opening) -> None:
    """Let a draft become the workspace, unless another attempt was faster."""
    write_atomic(made / "opened.json", opening.model_dump_json().encode())
    with contextlib.suppress(OSError):
        made.rename(home.path)
