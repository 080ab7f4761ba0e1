"""What calls work on: as they are named, and as links lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadre.tools.targets import request_of, resolved

ROOTS = ("/workspace", "host")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    for name in ("src/deep", "docs"):
        (root / name).mkdir(parents=True)
    (root / ".env").write_text("x")
    links = {
        "docs/plain": "../.env",
        "docs/absolute": "/workspace/.env",
        "docs/out": "/etc/passwd",
        "docs/up": "../../..",
        "docs/loop": "loop",
        "docs/chain": "plain",
        "linked": "src/deep",
        "self": "/workspace",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    return root


CASES = [
    ("src/a.py", "src/a.py"),
    ("./src//deep/../a.py", "src/a.py"),
    ("/workspace/src/a.py", "src/a.py"),
    ("new/dir/file", "new/dir/file"),
    ("docs/plain", ".env"),
    ("docs/absolute", ".env"),
    ("docs/chain", ".env"),
    ("linked/x", "src/deep/x"),
    ("linked/../x", "src/x"),  # as the kernel goes
    ("self/self/.env", ".env"),
    ("docs/out", ".."),
    ("docs/up", ".."),
    ("docs/loop", ".."),
    ("../x", ".."),
    ("/etc/passwd", ".."),
    ("/workspacex/a", ".."),
    (".", "."),
    ("x\0y", "x\0y"),
    ("y" * 5000, "y" * 5000),
]


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(("path", "leads"), CASES)
def test_where_paths_lead(directory: Path, root: str, path: str, leads: str) -> None:
    seen = str(directory) if root == "host" else root
    request = request_of("Read", {"file_path": path}, directory, seen)
    assert request.paths[-1] == leads


def test_both_names_count(directory: Path) -> None:
    request = request_of("Read", {"file_path": "docs/plain"}, directory, "/workspace")
    assert request.paths == ("docs/plain", ".env")
    assert request_of("Grep", {"pattern": "x"}, directory, "/workspace").paths == (".",)


@pytest.mark.parametrize("given", [None, [], "x", {"file_path": 7}, {"command": None}, {}])
def test_any_input_is_a_request(directory: Path, given: object) -> None:
    for tool in ("Read", "Bash", "Task", "nothing"):
        assert request_of(tool, given, directory, "/workspace").tool == tool


def test_no_link_is_opened(directory: Path, tmp_path: Path) -> None:
    """Not even to see where it goes on from there."""
    (tmp_path / "outside").symlink_to(directory / ".env")
    (directory / "away").symlink_to(tmp_path / "outside")
    assert resolved("/workspace/away", directory, "/workspace") == ".."
