"""What is checked about a repository before a run on it starts."""

from __future__ import annotations

from pathlib import Path

import pygit2

from cadre.domain.errors import CadreError, ErrorKind


def checked_repository(path: str, base: str) -> str:
    """The absolute path of the repository that `path` lies in, once `base` is a commit there.

    Raises CadreError(WRONG_INPUT) in one line.
    """
    where = Path(path).expanduser().resolve()
    if not where.exists():
        raise CadreError(ErrorKind.WRONG_INPUT, f"--repo {where}: there is no such directory")
    try:
        found = pygit2.discover_repository(str(where))
        if found is None:
            raise CadreError(ErrorKind.WRONG_INPUT, f"--repo {where}: not a git repository")
        repository = pygit2.Repository(found)
    except pygit2.GitError as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"--repo {where}: {error}") from error
    try:
        repository.revparse_single(base).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError) as error:
        empty = " (the repository has no commit yet)" if repository.is_empty else ""
        raise CadreError(
            ErrorKind.WRONG_INPUT, f"--base {base!r}: not a commit of {where}{empty}"
        ) from error
    return str(Path(repository.workdir or repository.path).resolve())
