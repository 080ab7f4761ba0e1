"""What a setup command leaves in a checkout: cache, and never part of the result.

Whatever the base does not have is cache, ignored or not, and stays so whatever an agent does to
`.gitignore`: a whole directory where the base has none of that name. Tracked files that the
command changed are put back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.workspace import ignore
from cadre.tools.workspace.contents import RefusedError
from cadre.tools.workspace.home import Home, ensure_git_file
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.restore import restore
from cadre.tools.workspace.scan import Seen, scan


@dataclass(frozen=True)
class Leftovers:
    """Paths that are cache, those of directories with a slash at their end; `unnamed` are those
    that `.gitignore` does not name."""

    paths: frozenset[bytes] = frozenset()
    unnamed: tuple[bytes, ...] = ()


def checkout(home: Home, target: Path, base: bytes, owner: int | None) -> None:
    """Make directory `target` with the files of tree `base`."""
    target.mkdir()
    target.chmod(0o755)
    if owner is not None:
        os.chown(target, owner, owner)
    restore(target, None, base, ObjectDatabase(home.repository), owner)
    ensure_git_file(target, home.git_file)


def tidy(home: Home, prepared: Path, base: bytes, owner: int | None) -> Leftovers:
    """Put back the files of tree `base` in `prepared`, and tell what else is there."""
    database = ObjectDatabase(home.repository)
    ensure_git_file(prepared, home.git_file)
    found = list(_leftovers(database, prepared, b"", base, ignore.Rules(())))
    left = Leftovers(
        frozenset(path for path, _ in found), tuple(path for path, named in found if not named)
    )
    try:
        now = scan(prepared, base, database, Seen(), left.paths)
    except RefusedError as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"the setup command's files: {error}") from None
    restore(prepared, now, base, database, owner)
    return left


def _leftovers(
    database: ObjectDatabase, directory: Path, path: bytes, tree: bytes, rules: ignore.Rules
) -> Iterator[tuple[bytes, bool]]:
    """What is in `directory` but not in `tree`, and whether the rules ignore it."""
    tracked = database.tree(tree)
    own = tracked.get(b".gitignore")
    if own is not None:
        rules = ignore.Rules(ignore.parse(database.read(own.oid)), path, rules)
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        name = os.fsencode(entry.name)
        is_directory = entry.is_dir(follow_symlinks=False)
        known = tracked.get(name)
        if name.lower() == b".git":
            continue
        if known is None:
            named = rules.ignores(path + name, directory=is_directory)
            yield path + name + (b"/" if is_directory else b""), named
        elif known.is_tree and is_directory:
            child = path + name + b"/"
            yield from _leftovers(database, Path(entry.path), child, known.oid, rules)
