"""Snapshots are exact, and so is going back to one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadre.tools.workspace import RefusedError, contents
from cadre.tools.workspace import scan as scan_module
from cadre.tools.workspace.clone import clone
from cadre.tools.workspace.objects import ObjectDatabase
from cadre.tools.workspace.origin import Origin
from cadre.tools.workspace.restore import restore
from cadre.tools.workspace.scan import Seen, scan

NAME = st.one_of(
    st.sampled_from(
        [b"a", b"b", b"sub", b"x y", "é".encode(), "日本".encode(), b"\xff\xfe", b"-n"]
    ),
    st.binary(min_size=1, max_size=6).filter(
        lambda n: not set(n) & set(b"\0/") and n not in {b".", b".."} and n.lower() != b".git"
    ),
)
CONTENT = st.sampled_from([b"", b"one\n", b"a\r\nb\r\n", b"\0\1\2", b"$Id$\n", "é\n".encode()])
LEAF = st.one_of(
    st.tuples(st.just("-"), CONTENT),
    st.tuples(st.just("x"), CONTENT),
    st.tuples(st.just("link"), st.sampled_from([b"a", b"../out", b"/etc/passwd", b"\xff"])),
)
TREE = st.recursive(
    st.dictionaries(NAME, LEAF, max_size=4),
    lambda inner: st.dictionaries(NAME, st.one_of(LEAF, inner), max_size=4),
    max_leaves=12,
)
ATTRIBUTES = b"* text=auto eol=crlf ident filter=lfs working-tree-encoding=UTF-16\n"


def write(root: Path, tree) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, leaf in tree.items():
        path = root / os.fsdecode(name)
        if isinstance(leaf, dict):
            write(path, leaf)
        elif leaf[0] == "link":
            path.symlink_to(os.fsdecode(leaf[1]))
        else:
            path.write_bytes(leaf[1])
            path.chmod(0o755 if leaf[0] == "x" else 0o644)


def flat(tree, prefix=b""):
    found = {}
    for name, leaf in tree.items():
        if isinstance(leaf, dict):
            found |= flat(leaf, prefix + name + b"/")
        else:
            found[prefix + name] = leaf
    return found


@pytest.fixture(scope="module")
def gitdir(tmp_path_factory):
    root = tmp_path_factory.mktemp("scan")
    for args in (["init", "-q", "."], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args], cwd=root, check=True
        )
    clone(Origin(str(root)), root / "run.git")
    return root / "run.git"


@pytest.fixture
def database(gitdir):
    return ObjectDatabase(gitdir)


@pytest.fixture
def empty(database):
    return database.write_tree({})


def git_tree(gitdir, directory, index):
    """The tree that the git command makes of a directory."""
    Path(index).unlink(missing_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_DIR": str(gitdir),
        "GIT_WORK_TREE": str(directory),
        "GIT_INDEX_FILE": str(index),
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": "/nonexistent",
    }
    subprocess.run(["git", "add", "-A", "-f"], cwd=directory, env=environment, check=True)
    done = subprocess.run(
        ["git", "write-tree"], cwd=directory, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=TREE, after=TREE)
def test_a_tree_comes_back_as_it_was(gitdir, database, empty, tmp_path, listing, before, after):
    places = [tmp_path / name for name in ("before", "after", "again")]
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
    one, two, again = places
    after = {**after, b".gitattributes": ("-", ATTRIBUTES)}
    write(one, before)
    write(two, after)
    start = scan(one, empty, database, Seen())
    end = scan(two, empty, database, Seen())
    assert end.hex() == git_tree(gitdir, two, tmp_path / "index")
    # From nothing, and from another tree.
    again.mkdir()
    restore(again, None, end, database)
    assert listing(again) == flat(after)
    restore(one, start, end, database)
    assert listing(one) == flat(after)
    assert scan(one, end, database, Seen()) == end


def test_edits_in_the_same_instant_of_the_same_size_are_seen(database, empty, tmp_path):
    file, seen, trees = tmp_path / "f", Seen(), set()
    for number in range(200):
        file.write_text(f"{number:04}")
        trees.add(scan(tmp_path, empty, database, seen))
    assert len(trees) == 200


def test_an_edit_that_sets_the_old_times_is_seen(database, empty, tmp_path):
    file, seen = tmp_path / "f", Seen()
    file.write_text("one")
    os.utime(file, ns=(1, 1))
    first = scan(tmp_path, empty, database, seen)
    file.write_text("two")
    os.utime(file, ns=(1, 1))
    assert scan(tmp_path, empty, database, seen) != first


def test_ignored_files_stay_out_unless_they_were_tracked(database, empty, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/kept.txt").write_text("kept")
    tracked = scan(tmp_path, empty, database, Seen())
    (tmp_path / ".gitignore").write_text("cache/\n*.log\n")
    (tmp_path / "cache/new.txt").write_text("new")
    (tmp_path / "cache/kept.txt").write_text("changed")
    (tmp_path / "x.log").write_text("log")
    found = {path for path, _ in database.walk(scan(tmp_path, tracked, database, Seen()))}
    assert found == {b".gitignore", b"cache/kept.txt"}


@pytest.mark.parametrize("kind", ["fifo", "link to a device", "directory", "huge"])
def test_a_strange_gitignore_does_no_harm(database, empty, tmp_path, kind):
    rules = tmp_path / ".gitignore"
    if kind == "fifo":
        os.mkfifo(rules)
    elif kind == "directory":
        rules.mkdir()
    elif kind == "huge":
        with rules.open("wb") as file:
            file.write(b"secret\n")
            file.truncate(5 * 1024 * 1024)
    else:
        rules.symlink_to("/dev/zero")
    (tmp_path / "f").write_text("f")
    found = {path for path, _ in database.walk(scan(tmp_path, empty, database, Seen()))}
    assert b"f" in found


def test_what_is_not_a_file_is_left_out(database, empty, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty/inner").mkdir(parents=True)
    (tmp_path / "f").write_text("f")
    found = [path for path, _ in database.walk(scan(tmp_path, empty, database, Seen()))]
    assert found == [b"f"]


def test_a_repository_inside_keeps_its_files(database, empty, tmp_path):
    for marker in (".git", ".GIT"):
        inner = tmp_path / f"inner{marker}"
        subprocess.run(["git", "init", "-q", inner], check=True)
        if marker != ".git":
            (inner / ".git").rename(inner / marker)
        (inner / "f").write_text("f")
    (tmp_path / "worktree").mkdir()
    (tmp_path / "worktree/.git").write_text("gitdir: /nowhere\n")
    (tmp_path / "worktree/g").write_text("g")
    found = [path for path, _ in database.walk(scan(tmp_path, empty, database, Seen()))]
    assert found == [b"inner.GIT/f", b"inner.git/f", b"worktree/g"]


def test_a_file_that_is_too_large_is_refused_by_name(database, empty, tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "MAX_FILE_BYTES", 1000)
    (tmp_path / "big.bin").write_bytes(b"x" * 1001)
    with pytest.raises(RefusedError, match=r"big\.bin is larger"):
        scan(tmp_path, empty, database, Seen())
    (tmp_path / ".gitignore").write_text("*.bin\n")
    scan(tmp_path, empty, database, Seen())


def test_a_large_file_of_the_base_stays(database, empty, tmp_path, monkeypatch):
    (tmp_path / "big.bin").write_bytes(b"x" * 1001)
    tracked = scan(tmp_path, empty, database, Seen())
    monkeypatch.setattr(contents, "MAX_FILE_BYTES", 1000)
    assert scan(tmp_path, tracked, database, Seen()) == tracked
    (tmp_path / "big.bin").write_bytes(b"y" * 1001)
    with pytest.raises(RefusedError):
        scan(tmp_path, tracked, database, Seen())


def test_too_many_new_files_are_refused(database, empty, tmp_path, monkeypatch):
    monkeypatch.setattr(scan_module, "MAX_NEW_FILES", 10)
    for number in range(11):
        (tmp_path / str(number)).touch()
    with pytest.raises(RefusedError, match="more than 10 new files"):
        scan(tmp_path, empty, database, Seen())


def test_a_deep_pit_of_directories_is_refused(database, empty, tmp_path):
    deep = tmp_path.joinpath(*["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "f").touch()
    with pytest.raises(RefusedError, match="directories deep"):
        scan(tmp_path, empty, database, Seen())


def test_restoring_follows_no_link_out_of_the_directory(database, empty, tmp_path):
    source, target, outside = (tmp_path / name for name in ("source", "target", "outside"))
    for place in (source, target, outside):
        place.mkdir()
    (source / "d").mkdir()
    (source / "d/f").write_text("new")
    tree = scan(source, empty, database, Seen())
    (outside / "f").write_text("outside")
    (target / "d").symlink_to(outside)
    restore(target, None, tree, database)
    assert (outside / "f").read_text() == "outside"
    assert (target / "d/f").read_text() == "new"
    assert not (target / "d").is_symlink()
