"""The environment that a `setup` command makes, and its cache across runs.

What the command leaves behind and `.gitignore` does not name is cache too: a whole directory
where the base has none of that name. Tracked files that it changed are put back. A passed
setup is kept for other runs of the repository where lock files pin what it fetches, under a
hash of all that it is known to depend on. At the Landlock level nothing is kept, since
environments tend to hold their own path, which is there another one for each directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.workspaces import OpenWorkspace
from cadre.tools.sandbox.types import Completed, Level, Sandbox
from cadre.tools.workspace import ignore
from cadre.tools.workspace.files import copy_tree, discard, merge_tree, remove_tree
from cadre.tools.workspace.home import GIT_ENVIRONMENT, Home, ensure_git_file
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.restore import restore
from cadre.tools.workspace.scan import RefusedError, Seen, scan

LOCK_FILES = frozenset({
    "requirements.txt", "requirements.lock", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock",
    "pylock.toml", "conda-lock.yml", "pixi.lock", "package-lock.json", "npm-shrinkwrap.json",
    "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb", "deno.lock", "Cargo.lock", "go.sum",
    "Gemfile.lock", "composer.lock", "mix.lock", "gradle.lockfile", "packages.lock.json",
    "pubspec.lock", "flake.lock",
})  # fmt: skip
# Not locks, but what a setup reads beside them.
MANIFESTS = frozenset({
    "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "environment.yml", "package.json",
    ".npmrc", "Cargo.toml", "rust-toolchain.toml", "go.mod", "Gemfile", "composer.json",
    ".python-version", ".nvmrc", ".tool-versions", "Makefile",
})  # fmt: skip
KEPT_ENVIRONMENTS = 16
_FORMAT = b"1"


@dataclass(frozen=True)
class Environment:
    """What came of the setup: None where it came from the cache, and the rules for its files."""

    completed: Completed | None
    exclude: bytes


class EnvironmentMaker:
    """Runs the setup command of workspaces and keeps what it makes, below `cache`."""

    def __init__(self, sandbox: Sandbox, cache: Path) -> None:
        self._sandbox = sandbox
        self._cache = cache

    async def make(
        self, request: OpenWorkspace, setup: str, home: Home, prepared: Path, base: bytes
    ) -> Environment:
        """Prepare `prepared`, which holds tree `base`, and leave its tracked files as they were."""
        key = await asyncio.to_thread(self._key, request, setup, home, base)
        reused = False
        if key is not None:
            reused = await asyncio.to_thread(self._reuse, key, home, prepared, base)
        if reused:
            exclude = await asyncio.to_thread(_tidy, home, prepared, base, self._sandbox.owner)
            return Environment(None, exclude)
        completed = await self._sandbox.run(
            ["bash", "-c", setup],
            workspace=prepared,
            writable=True,
            mounts=home.mounts,
            env=GIT_ENVIRONMENT,
            timeout=request.setup_timeout_seconds,
            network=request.setup_network,
        )
        exclude = await asyncio.to_thread(_tidy, home, prepared, base, self._sandbox.owner)
        if key and completed.exit_code == 0 and not completed.timed_out:
            await asyncio.to_thread(self._keep, key, home, prepared, base)
        return Environment(completed, exclude)

    def _key(self, request: OpenWorkspace, setup: str, home: Home, base: bytes) -> str | None:
        """The cache key, None where nothing pins what the setup makes."""
        if self._sandbox.level is not Level.BWRAP:
            return None
        named = {os.fsencode(word.removeprefix("./")) for word in setup.split()}
        repository = os.fsencode(Path(request.repo).resolve())
        python = sys.version.encode()
        parts = [_FORMAT, repository, setup.encode(), b"%d" % request.setup_network, python]
        locked = False
        for path, entry in ObjectDatabase(home.repository).walk(base):
            name = os.fsdecode(path.rpartition(b"/")[2])
            locked = locked or name in LOCK_FILES
            if name in LOCK_FILES or name in MANIFESTS or path in named:
                parts += [path, entry.oid]
        lengths = (b"%d:%b" % (len(part), part) for part in parts)
        return hashlib.sha256(b"".join(lengths)).hexdigest() if locked else None

    def _reuse(self, key: str, home: Home, prepared: Path, base: bytes) -> bool:
        kept = self._cache / key
        try:
            os.utime(kept)
            merge_tree(kept, prepared)
        except FileNotFoundError:
            return False
        except OSError:  # it does not fit this commit, or is being removed
            remove_tree(prepared)
            checkout(home, prepared, base, self._sandbox.owner)
            return False
        return True

    def _keep(self, key: str, home: Home, prepared: Path, base: bytes) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="new.", dir=self._cache))
        try:
            made = draft / "made"
            copy_tree(prepared, made)
            (made / ".git").unlink()
            database = ObjectDatabase(home.repository)
            restore(made, base, database.write_tree({}), database)
            with contextlib.suppress(OSError):  # another run was faster
                made.rename(self._cache / key)
        finally:
            remove_tree(draft)
        kept = sorted(self._cache.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[KEPT_ENVIRONMENTS:]:
            discard(old, self._cache.with_name("trash"))


def checkout(home: Home, target: Path, base: bytes, owner: int | None) -> None:
    """Make directory `target` with the files of tree `base`."""
    target.mkdir()
    target.chmod(0o755)
    if owner is not None:
        os.chown(target, owner, owner)
    restore(target, None, base, ObjectDatabase(home.repository), owner)
    ensure_git_file(target, home.git_file)


def _tidy(home: Home, prepared: Path, base: bytes, owner: int | None) -> bytes:
    """Put tracked files back, and return rules for what else is there and not ignored."""
    database = ObjectDatabase(home.repository)
    ensure_git_file(prepared, home.git_file)
    lines = _leftovers(database, prepared, b"", base, ignore.Rules(()))
    exclude = b"".join(line + b"\n" for line in lines)
    try:
        now = scan(prepared, base, database, exclude, Seen())
    except RefusedError as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"the setup command's files: {error}") from None
    restore(prepared, now, base, database, owner)
    return exclude


def _leftovers(
    database: ObjectDatabase, directory: Path, path: bytes, tree: bytes, rules: ignore.Rules
) -> Iterator[bytes]:
    """Rules for what is in `directory`, but neither in `tree` nor ignored by its rules."""
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
        if known is not None:
            if known.is_tree and is_directory:
                child = path + name + b"/"
                yield from _leftovers(database, Path(entry.path), child, known.oid, rules)
        elif not rules.ignores(path + name, directory=is_directory):
            yield ignore.literal(path + name, directory=is_directory)
