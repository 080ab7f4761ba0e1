"""The script ./run: what it sets up, when it does so again, and what it says is missing."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTING_UP = "setting up .venv"
TOOLS = ("sh", "dirname", "readlink", "cat", "cp", "mv", "rm")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree with a command that prints what it got, and one small package to install."""
    tree = tmp_path / "a tree"
    (tree / "starters").mkdir(parents=True)
    shutil.copy(ROOT / "run", tree / "run")
    (tree / "starters/cli.py").write_text(
        "import os, sys\nimport annotated_types\nprint(os.getcwd(), sys.argv[1:])\n"
    )
    lock = (ROOT / "requirements.lock").read_text()
    package = re.search(r"^annotated-types==.*\n(?:    --hash.*\n)+", lock, re.MULTILINE)
    assert package is not None
    (tree / "requirements.lock").write_text(package[0].rstrip().rstrip("\\") + "\n")
    return tree


def start(tree: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"CADRE_PYTHON": sys.executable}
    return subprocess.Popen(
        [tree / "run", *arguments],
        cwd=tree.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(tree: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(tree, *arguments)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_it_sets_up_once_and_again_when_the_lock_changes(tree: Path) -> None:
    status, out, err = run(tree, "show", "a b", "--json")
    assert (status, out) == (0, f"{tree.parent} ['show', 'a b', '--json']\n"), err
    assert SETTING_UP in err
    assert run(tree, "list") == (0, f"{tree.parent} ['list']\n", "")
    with (tree / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert SETTING_UP in run(tree)[2]
    assert run(tree)[2] == ""


def test_two_at_once_set_up_once(tree: Path) -> None:
    both = [start(tree, name) for name in ("one", "two")]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert [out.split(" ")[-1] for out, _ in outputs] == ["['one']\n", "['two']\n"]
    assert sum(err.count(SETTING_UP) for _, err in outputs) == 1


def test_one_that_was_killed_midway_is_made_good(tree: Path) -> None:
    first = start(tree)
    deadline = time.monotonic() + 60
    while not (tree / ".venv/bin/python").exists():
        assert time.monotonic() < deadline, "no environment was begun"
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    status, _, err = run(tree)
    assert (status, SETTING_UP in err) == (0, True)


def test_a_package_that_is_not_the_locked_one_is_refused(tree: Path) -> None:
    lock = tree / "requirements.lock"
    lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text()))
    status, out, err = run(tree)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == "cadre: the packages could not be installed: see above"
    assert run(tree)[0] == 2  # and it is not taken for done


def bare(tmp_path: Path, **programs: str) -> dict[str, str]:
    """An environment where only the basic tools and `programs` are found."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (directory / tool).symlink_to(found)
    for name, script in programs.items():
        (directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (directory / name).chmod(0o755)
    return {"PATH": str(directory)}


GOOD_PYTHON = f'exec {sys.executable} "$@"'
NO_VENV = f'case "$2" in *ensurepip*) exit 1;; esac; {GOOD_PYTHON}'


@pytest.mark.parametrize(
    ("programs", "missing"),
    [
        ({}, "Python 3.11 or later is missing"),
        ({"python3": "exit 1", "git": ""}, "Python 3.11 or later is missing"),
        ({"python3": GOOD_PYTHON}, "git is missing"),
        ({"python3": NO_VENV, "git": ""}, "Python's venv module is missing"),
    ],
)
def test_what_is_missing_is_one_line(
    tree: Path, tmp_path: Path, programs: dict[str, str], missing: str
) -> None:
    done = subprocess.run(
        [tree / "run"],
        env=bare(tmp_path, **programs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"cadre: {missing}: install it")
    assert done.stderr.count("\n") == 1
    assert not (tree / ".venv").exists()


def test_a_link_to_another_trees_environment_is_left_alone(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    (tree / ".venv").symlink_to(other)
    status, _, err = run(tree)
    assert status == 2
    assert "is a symbolic link" in err
    assert [path.name for path in other.iterdir()] == ["kept"]
