"""Opening a workspace: clone, checkout, setup. Each part appears as a whole or not at all, so an
attempt that was killed leaves nothing that the next one would trust.

Of several workspaces of a run that are opened at once, one is made and the others copy it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.workspaces import OpenWorkspace, Workspace
from cadre.tools.sandbox.types import Completed, Level, Sandbox
from cadre.tools.workspace.alone import alone
from cadre.tools.workspace.base import Base, bring_in, find_base
from cadre.tools.workspace.clone import add_worktree
from cadre.tools.workspace.entries import show
from cadre.tools.workspace.environment import Environment, EnvironmentMaker
from cadre.tools.workspace.files import make_directory, remove_tree, write_atomic
from cadre.tools.workspace.home import Home, Opening, SetupRecord
from cadre.tools.workspace.ignore import literal
from cadre.tools.workspace.leftovers import Leftovers, checkout
from cadre.tools.workspace.sibling import copy_sibling, draft_of, find_sibling, publish

_SHOWN_FILES = 5


@dataclass(frozen=True)
class Ran:
    """A command that the engine ran, with all that was kept of its output."""

    command: str
    completed: Completed


@dataclass(frozen=True)
class Opened:
    """An open workspace; see `cadre.domain.workspaces.OpenedWorkspace`."""

    workspace: Workspace
    sandbox: Level
    notes: tuple[str, ...]
    setup: Ran | None


async def open_workspace(
    request: OpenWorkspace, home: Home, sandbox: Sandbox, cache: Path
) -> Opened:
    """Open the workspace, or find it as it was opened before.

    A failed setup is part of the result. Raises CadreError (WRONG_INPUT).
    """
    found = await asyncio.to_thread(_found, home)
    if found is not None:
        return found
    base = await asyncio.to_thread(find_base, request, home)
    await asyncio.to_thread(make_directory, home.run_path)
    async with alone(home.run_path):
        sibling = await asyncio.to_thread(find_sibling, home, request, base.commit, sandbox.level)
        if sibling is None:
            await _make(request, home, base, sandbox, cache)
    if sibling not in {None, home}:
        await asyncio.to_thread(copy_sibling, sibling, home)
    found = await asyncio.to_thread(_found, home)
    if found is None:
        raise CadreError(
            ErrorKind.WORKSPACE_LOST, f"{home.path} went away while it was opened; start again"
        )
    return found


async def _make(
    request: OpenWorkspace, home: Home, base: Base, sandbox: Sandbox, cache: Path
) -> None:
    await asyncio.to_thread(bring_in, base, home)
    draft = await asyncio.to_thread(_draft, home, base, sandbox.owner)
    made = draft / home.name
    try:
        environment = Environment(None, Leftovers())
        if request.setup:
            maker = EnvironmentMaker(sandbox, cache)
            environment = await maker.make(
                request, request.setup, home, made / "prepared", base.tree
            )
        await asyncio.to_thread(
            _settle, request, home, made, base, environment, level=sandbox.level
        )
    finally:
        await asyncio.to_thread(remove_tree, draft)


def _found(home: Home) -> Opened | None:
    opening = home.opening()
    if opening is None:
        return None
    ran = None
    if opening.setup is not None:
        record = opening.setup.model_dump()
        command = record.pop("command")
        output = (home.path / "setup.out").read_bytes()
        ran = Ran(command, Completed(output=output, **record))
    return Opened(opening.workspace, Level(opening.sandbox), opening.notes, ran)


def _draft(home: Home, base: Base, owner: int | None) -> Path:
    add_worktree(home.repository, home.name, base.commit)
    draft = draft_of(home)
    checkout(home, draft / home.name / "prepared", base.tree, owner)
    return draft


def _settle(
    request: OpenWorkspace,
    home: Home,
    made: Path,
    base: Base,
    environment: Environment,
    *,
    level: Level,
) -> None:
    write_atomic(made / "cache", b"\0".join(sorted(environment.leftovers.paths)))
    _exclude_in_git(home, environment.leftovers)
    setup, done = None, environment.completed
    if done is not None and request.setup:
        write_atomic(made / "setup.out", done.output)
        setup = SetupRecord(
            command=request.setup,
            exit_code=done.exit_code,
            truncated=done.truncated,
            total_bytes=done.total_bytes,
            timed_out=done.timed_out,
            seconds=done.seconds,
            out_of_memory=done.out_of_memory,
        )
    opening = Opening(
        workspace=Workspace(
            run=request.run, name=request.name, base=base.commit, snapshot=base.tree.hex()
        ),
        sandbox=level,
        notes=(*base.notes, *_setup_notes(request, environment, level)),
        setup_command=request.setup,
        setup_network=request.setup_network,
        setup=setup,
    )
    publish(home, made, opening)


def _setup_notes(request: OpenWorkspace, environment: Environment, level: Level) -> tuple[str, ...]:
    notes = []
    left = environment.leftovers.unnamed
    if left:
        names = ", ".join(show(path) for path in left[:_SHOWN_FILES])
        more = f" and {len(left) - _SHOWN_FILES} more" if len(left) > _SHOWN_FILES else ""
        notes.append(
            f"the setup command left files that .gitignore does not name ({names}{more}); "
            "they stay out of the result"
        )
    if request.setup and level is not Level.BWRAP:
        notes.append(
            "without bubblewrap the workspace's path changes from copy to copy: an environment "
            "that holds its own path (a virtual environment) will not work; "
            "`cadre doctor` says how to get bubblewrap"
        )
    return tuple(notes)


def _exclude_in_git(home: Home, leftovers: Leftovers) -> None:
    """Let git in the sandbox ignore what setup left."""
    path = home.repository / "info" / "exclude"
    lines = set(path.read_bytes().splitlines()) | set(map(literal, leftovers.paths))
    write_atomic(path, b"".join(line + b"\n" for line in sorted(lines)))
