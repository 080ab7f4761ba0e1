"""The environment that a `setup` command makes, and its cache across runs.

A passed setup is kept for other runs of the repository where lock files pin what it fetches,
under a hash of all that it is known to depend on: the command, the lock files and manifests, the
files that the command names. At the Landlock level nothing is kept, since environments tend to
hold their own path, which is there another one for each directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cadre.domain.workspaces import OpenWorkspace
from cadre.tools.sandbox.types import Completed, Level, Sandbox
from cadre.tools.workspace.files import copy_tree, discard, merge_tree, remove_tree
from cadre.tools.workspace.home import GIT_ENVIRONMENT, Home
from cadre.tools.workspace.leftovers import Leftovers, checkout, tidy
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.restore import restore

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
    """How the setup ended, None where its result came from the cache, and what it left."""

    completed: Completed | None
    leftovers: Leftovers


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
            return Environment(
                None, await asyncio.to_thread(tidy, home, prepared, base, self._sandbox.owner)
            )
        completed = await self._sandbox.run(
            ["bash", "-c", setup],
            workspace=prepared,
            writable=True,
            mounts=home.mounts,
            env=GIT_ENVIRONMENT,
            timeout=request.setup_timeout_seconds,
            network=request.setup_network,
        )
        left = await asyncio.to_thread(tidy, home, prepared, base, self._sandbox.owner)
        if key and completed.exit_code == 0 and not completed.timed_out:
            await asyncio.to_thread(self._keep, key, home, prepared, base)
        return Environment(completed, left)

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
        self._forget()

    def _forget(self) -> None:
        """Remove what has not been used for longest."""
        used: list[tuple[float, Path]] = []
        for path in self._cache.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another run removed it
                used.append((path.stat().st_mtime, path))
        for _, path in sorted(used, reverse=True)[KEPT_ENVIRONMENTS:]:
            discard(path, self._cache.with_name("trash"))
