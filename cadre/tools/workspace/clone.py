"""The run's own repository: bare, with the user's objects and nothing else of theirs.

Objects are hard links where the file system allows it, else copies; never borrowed, so that the
user may pack and prune as they like. The configuration is written here and runs nothing. The
attributes switch off every conversion, so that git in the sandbox sees the bytes that the engine
sees.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pygit2

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.workspace.files import make_directory, write_atomic
from cadre.tools.workspace.origin import Origin

_CONFIG = b"""[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tautocrlf = false
\tfsmonitor = false
\tuntrackedcache = false
\thooksPath = /dev/null
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
_ATTRIBUTES = b"* -text -eol -ident -filter -working-tree-encoding\n"


def clone(origin: Origin, target: Path) -> None:
    """Make the bare repository `target` with all objects of `origin`."""
    make_directory(target)
    for name in ("objects/pack", "objects/info", "refs/heads", "info", "worktrees"):
        for part in (Path(name).parent, Path(name)):
            make_directory(target / part)
    write_atomic(target / "HEAD", b"ref: refs/heads/main\n")
    write_atomic(target / "config", _CONFIG)
    write_atomic(target / "info" / "attributes", _ATTRIBUTES)
    write_atomic(target / "info" / "exclude", b"")
    shallow = origin.gitdir / "shallow"
    if shallow.exists():
        write_atomic(target / "shallow", shallow.read_bytes())
    link_objects(origin, target)


def link_objects(origin: Origin, target: Path) -> None:
    """Let the repository `target` have what objects of `origin` it has not."""
    for source in origin.object_directories():
        _link_objects(source, target / "objects")


def add_worktree(repository: Path, name: str, commit: str) -> bytes:
    """Let directories of workspace `name` be worktrees at `commit`; the text of their `.git`.

    The engine does not use it: it is what git reads in the sandbox, where it is read-only, so
    all directories of a workspace can share it.
    """
    gitdir = make_directory(repository / "worktrees" / name)
    write_atomic(gitdir / "HEAD", f"{commit}\n".encode())
    write_atomic(gitdir / "commondir", b"../..\n")
    write_atomic(gitdir / "gitdir", b"/workspace/.git\n")
    if not (gitdir / "index").exists():
        _write_index(repository, gitdir / "index", commit)
    return f"gitdir: {gitdir}\n".encode()


def _write_index(repository: Path, target: Path, commit: str) -> None:
    """An index of the commit's files; made aside, since libgit2 would leave a lock behind."""
    with tempfile.TemporaryDirectory(dir=repository) as aside:
        path = Path(aside) / "index"
        index = pygit2.Index(str(path))
        index.read_tree(pygit2.Repository(str(repository))[commit].peel(pygit2.Tree))
        index.write()
        path.chmod(0o644)
        path.replace(target)


def base_tree(repository: Path, commit: str, repo: str) -> bytes:
    """The tree of `commit`, which must be there."""
    try:
        found = pygit2.Repository(str(repository))[commit].peel(pygit2.Tree)
    except (KeyError, pygit2.GitError):
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"{repo} lacks objects of commit {commit} (a partial clone?); "
            "fetch them with `git fetch --refetch --filter=blob:limit=1g`",
        ) from None
    return found.id.raw


def _link_objects(source: Path, target: Path) -> None:
    """Loose objects first: whatever is packed and pruned meanwhile is then found in a pack."""
    for directory in sorted(source.iterdir()):
        if len(directory.name) == 2 and directory.is_dir():
            make_directory(target / directory.name)
            for entry in os.scandir(directory):
                if not entry.name.startswith("tmp_"):
                    _link(Path(entry.path), target / directory.name / entry.name)
    packs, linked = source / "pack", set[str]()
    while new := {p.name for p in packs.glob("pack-*")} - linked:
        for name in sorted(new, key=lambda name: name.endswith(".idx")):
            if not name.endswith((".bitmap", ".keep", ".mtimes", ".promisor")):
                _link(packs / name, target / "pack" / name)
        linked |= new


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        return  # pruned since it was listed
    except FileExistsError:
        return
    except OSError:  # another file system, too many links, or not ours to link
        partial = target.with_name(f"tmp_{target.name}")
        shutil.copyfile(source, partial)
        partial.chmod(0o444)
        partial.replace(target)
