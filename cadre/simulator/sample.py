"""The sample repository: a small Python package with a bug, for the demo and for tests."""

from __future__ import annotations

from pathlib import Path

import pygit2

from cadre.domain.errors import CadreError, ErrorKind
from cadre.simulator.sample_files import FILES

SAMPLE_CHECK = "python3 -m unittest -q"
SAMPLE_TASK = (
    "A room cannot be booked right after another booking: with 09:00-10:00 taken, booking "
    "10:00-11:30 is refused as a conflict, though intervals are half-open. A test fails because "
    "of it. Find the cause and fix it; leave the tests as they are."
)
_AUTHOR = pygit2.Signature("Cadre sample", "sample@cadre.invalid", 1_767_225_600, 0)


def make_sample(path: Path) -> None:
    """Write the sample at `path` and make it a git repository with one commit on `main`.

    The user's git configuration plays no part. Raises CadreError(WRONG_INPUT) where `path`
    exists and is not an empty directory.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CadreError(ErrorKind.WRONG_INPUT, f"{path} is not an empty directory")
    for name, text in FILES.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    repository = pygit2.init_repository(str(path), initial_head="main")
    for name in sorted(FILES):
        repository.index.add(name)
    repository.index.write()
    tree = repository.index.write_tree()
    message = "Add room bookings\n"
    repository.create_commit("refs/heads/main", _AUTHOR, _AUTHOR, message, tree, [])
