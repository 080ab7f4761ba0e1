"""Merges of two commits: what is taken, and what each kind of conflict leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2
import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.integration import MergeBranches
from cadre.domain.workspaces import Workspace
from cadre.tools.workspace.content import MAX_MERGED_BYTES
from cadre.tools.workspace.merge import merge
from cadre.tools.workspace.objects import (
    EXECUTABLE,
    FILE,
    LINK,
    SUBMODULE,
    TREE,
    Entry,
    ObjectDatabase,
    isolate_libgit2,
)

WORKSPACE = Workspace(run="r1", name="main", base="0" * 40, snapshot="0" * 40)
LINES = "".join(f"{number}\n" for number in range(1, 10))
Content = str | bytes | tuple[int, str]
Files = Mapping[str, Content | None]


@dataclass
class History:
    """A bare repository, with commits made of files."""

    database: ObjectDatabase

    def commit(self, files: Files, *parents: str) -> str:
        """A commit of the first parent's files with these changes; None removes one."""
        tree = self.database.write_tree({})
        if parents:
            tree = self.database.commit(parents[0]).tree.id.raw
        changes = {name.encode(): self._entry(content) for name, content in files.items()}
        oid = self.database.graft(tree, changes).hex()
        return self.commit_tree(oid, *parents)

    def commit_tree(self, tree: str, *parents: str) -> str:
        signature = pygit2.Signature("A", "a@example.invalid", 1, 0)
        repository = self.database.repository
        oid = repository.create_commit(None, signature, signature, "m", tree, list(parents))
        return str(oid)

    def merge(self, ours: str, theirs: str) -> tuple[dict[str, Content], dict[str, str]]:
        """The merged files, executable ones and others with their modes, and the conflicts."""
        request = MergeBranches(workspace=WORKSPACE, ours=ours, theirs=theirs, label="part 2")
        merged = merge(self.database, request)
        assert merge(self.database, request) == merged
        files: dict[str, Content] = {}
        for path, entry in self.database.walk(merged.tree):
            data = "" if entry.mode == SUBMODULE else self.database.read(entry.oid)
            text = data.decode("latin-1") if isinstance(data, bytes) else data
            files[path.decode()] = text if entry.mode == FILE else (entry.mode, text)
        return files, {path.decode(): kind.value for path, kind in merged.conflicts.items()}

    def _entry(self, content: Content | None) -> Entry | None:
        if content is None:
            return None
        mode, text = content if isinstance(content, tuple) else (FILE, content)
        if mode == SUBMODULE:
            return Entry(mode, bytes.fromhex(str(text)))
        return Entry(mode, self.database.write("blob", _bytes(text)))


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@pytest.fixture
def history(tmp_path: Path) -> History:
    isolate_libgit2()
    pygit2.init_repository(str(tmp_path / "repo.git"), bare=True)
    return History(ObjectDatabase(tmp_path / "repo.git"))


Both = Callable[[Files, Files, Files], tuple[dict[str, Content], dict[str, str]]]


@pytest.fixture
def both(history: History) -> Both:
    """Merge what two branches made of a base."""

    def run(base: Files, ours: Files, theirs: Files) -> tuple[dict[str, Content], dict[str, str]]:
        start = history.commit(base)
        return history.merge(history.commit(ours, start), history.commit(theirs, start))

    return run


def test_changes_in_different_places_are_both_taken(both: Both) -> None:
    files, conflicts = both(
        {"a": LINES, "gone": "g\n", "same": "s\n"},
        {"a": LINES.replace("2\n", "two\n"), "new/ours": "o\n", "same": "t\n"},
        {"a": LINES.replace("8\n", "eight\n"), "new/theirs": "t\n", "gone": None, "same": "t\n"},
    )
    assert conflicts == {}
    assert files == {
        "a": LINES.replace("2\n", "two\n").replace("8\n", "eight\n"),
        "new/ours": "o\n",
        "new/theirs": "t\n",
        "same": "t\n",
    }


def test_a_branch_that_the_other_has_already_changes_nothing(history: History) -> None:
    start = history.commit({"a": LINES})
    later = history.commit({"a": "x\n"}, start)
    assert history.merge(later, start) == ({"a": "x\n"}, {})
    assert history.merge(start, later) == ({"a": "x\n"}, {})


def test_a_second_merge_starts_from_the_first(history: History) -> None:
    """What was merged before, and resolved, is not in conflict again."""
    start = history.commit({"a": LINES})
    one, other = history.commit({"a": "1\n"}, start), history.commit({"a": "2\n"}, start)
    resolved = history.commit({"a": "both\n"}, one, other)
    more = history.commit({"b": "b\n"}, other)
    assert history.merge(resolved, more) == ({"a": "both\n", "b": "b\n"}, {})


def test_a_conflict_shows_both_sides_and_the_base(both: Both) -> None:
    files, conflicts = both(
        {"a": "1\n2\n3\n", "b": "b\n"},
        {"a": b"1\ntwo \xe9\n3\n", "b": "ours\n"},
        {"a": "1\nzwei\n3\n"},
    )
    assert conflicts == {"a": "content"}
    assert files == {
        "a": "1\n<<<<<<< ours: merged so far\ntwo \xe9\n||||||| base\n2\n=======\nzwei\n"
        ">>>>>>> theirs: part 2\n3\n",
        "b": "ours\n",
    }


@pytest.mark.parametrize("side", [0, 1])
def test_an_emptied_file_has_its_labels_too(both: Both, side: int) -> None:
    sides: list[Files] = [{"a": "1\nzwei\n"}, {"a": "1\nzwei\n"}]
    sides[side] = {"a": ""}
    files, conflicts = both({"a": "1\n2\n"}, *sides)
    assert conflicts == {"a": "content"}
    text = files["a"]
    assert isinstance(text, str)
    assert text.startswith("<<<<<<< ours: merged so far\n")
    assert text.endswith(">>>>>>> theirs: part 2\n")


def test_files_that_both_added(both: Both) -> None:
    files, conflicts = both({"x": "x\n"}, {"a": "1\nour\n"}, {"a": "1\ntheir"})
    assert conflicts == {"a": "both added"}
    assert files["a"] == (
        "1\n<<<<<<< ours: merged so far\nour\n=======\ntheir\n>>>>>>> theirs: part 2\n"
    )


def test_line_ends_stay(both: Both) -> None:
    files, conflicts = both(
        {"a": "1\r\n2\r\n3\r\n"}, {"a": "1\r\nx\r\n3\r\n"}, {"a": "1\r\ny\r\n3\r\n"}
    )
    assert conflicts == {"a": "content"}
    assert files["a"] == (
        "1\r\n<<<<<<< ours: merged so far\r\nx\r\n||||||| base\r\n2\r\n=======\r\ny\r\n"
        ">>>>>>> theirs: part 2\r\n3\r\n"
    )


def test_what_one_side_deleted_and_the_other_changed_is_kept(both: Both) -> None:
    files, conflicts = both(
        {"a": LINES, "b": LINES, "c": LINES},
        {"a": None, "b": "ours\n", "c": None},
        {"a": "theirs\n", "b": None},
    )
    assert (files, conflicts) == (
        {"a": "theirs\n", "b": "ours\n"},
        {"a": "deleted by us", "b": "deleted by them"},
    )


@pytest.mark.parametrize(
    "pair", [("a\0b", "\0c"), ("a\0b", "text\n"), ("x\n" * MAX_MERGED_BYTES, "text\n")]
)
def test_binary_and_very_large_files_stay_ours(both: Both, pair: tuple[str, str]) -> None:
    files, conflicts = both({"a": "base\n"}, {"a": pair[0]}, {"a": pair[1]})
    assert (files, conflicts) == ({"a": pair[0]}, {"a": "binary"})


def test_the_executable_bit(both: Both) -> None:
    files, conflicts = both(
        {"a": LINES, "b": LINES},
        {"a": (EXECUTABLE, LINES), "b": LINES + "10\n", "new": (EXECUTABLE, "n\n")},
        {"a": "0\n" + LINES, "b": (EXECUTABLE, LINES), "new": "n\n"},
    )
    assert conflicts == {"new": "mode"}
    assert files == {
        "a": (EXECUTABLE, "0\n" + LINES),
        "b": (EXECUTABLE, LINES + "10\n"),
        "new": (EXECUTABLE, "n\n"),
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ((LINK, "one"), (LINK, "two")),
        ((LINK, "one"), "a file now\n"),
        ("a file now\n", (LINK, "two")),
        ((SUBMODULE, "1" * 40), (SUBMODULE, "2" * 40)),
    ],
)
def test_links_and_submodules_are_never_merged(both: Both, ours: Content, theirs: Content) -> None:
    files, conflicts = both({"a": (LINK, "base")}, {"a": ours}, {"a": theirs})
    kept = (SUBMODULE, "") if isinstance(ours, tuple) and ours[0] == SUBMODULE else ours
    assert (files, conflicts) == ({"a": kept}, {"a": "type"})


def test_a_submodule_that_one_side_moved_is_taken(both: Both, history: History) -> None:
    files, conflicts = both(
        {"m": (SUBMODULE, "1" * 40)}, {"a": "a\n"}, {"m": (SUBMODULE, "2" * 40)}
    )
    assert (files, conflicts) == ({"a": "a\n", "m": (SUBMODULE, "")}, {})


def test_changes_follow_a_renamed_file(both: Both) -> None:
    changed = LINES.replace("9\n", "nine\n")
    files, conflicts = both(
        {"old": LINES, "src/a": LINES + "a\n", "src/b": LINES + "b\n"},
        {"old": None, "new": LINES.replace("1\n", "one\n"), "src/a": changed + "a\n"},
        {
            "old": changed,
            "src/a": None, "src/b": None, "lib/a": LINES + "a\n", "lib/b": LINES + "b\n",
        },
    )  # fmt: skip
    assert conflicts == {}
    assert files == {
        "new": changed.replace("1\n", "one\n"),
        "lib/a": changed + "a\n",
        "lib/b": LINES + "b\n",
    }


def test_a_renamed_file_in_conflict_is_one_file(both: Both) -> None:
    files, conflicts = both(
        {"old": LINES},
        {"old": None, "new": LINES.replace("5\n", "five\n")},
        {"old": LINES.replace("5\n", "cinq\n")},
    )
    assert conflicts == {"new": "content"}
    assert list(files) == ["new"]


def test_renamed_here_and_deleted_or_renamed_there(both: Both) -> None:
    files, conflicts = both(
        {"a": LINES, "b": LINES + "b\n"},
        {"a": None, "a1": LINES, "b": None, "b1": LINES + "b\n"},
        {"a": None, "b": None, "b2": LINES + "b\n"},
    )
    assert files == {"a1": LINES, "b1": LINES + "b\n", "b2": LINES + "b\n"}
    assert conflicts == {
        "a1": "deleted by them",
        "b1": "renamed twice",
        "b2": "renamed twice",
    }


def test_two_files_that_come_to_one_place(both: Both) -> None:
    one, two = "one\n" * 9, "two\n" * 9
    files, conflicts = both({"a": one, "b": two}, {"a": None, "c": one}, {"b": None, "c": two})
    assert conflicts == {"c": "both added"}
    assert list(files) == ["c"]


def test_a_file_and_a_directory_of_one_name_are_both_kept(both: Both) -> None:
    files, conflicts = both(
        {"x": "x\n", "b~ours": "taken\n"},
        {"a/1": "1\n", "b": "file\n"},
        {"a": "file\n", "b/2": "2\n"},
    )
    assert files == {
        "x": "x\n", "b~ours": "taken\n",
        "a/1": "1\n", "a~theirs": "file\n",
        "b/2": "2\n", "b~ours~": "file\n",
    }  # fmt: skip
    assert conflicts == {"a~theirs": "file and directory", "b~ours~": "file and directory"}


def test_a_file_that_became_a_directory_on_one_side(both: Both) -> None:
    base: Files = {"a": "file\n", "b/1": "1\n"}
    files, conflicts = both(base, {"x": "x\n"}, {"a": None, "a/1": "1\n", "b/1": None, "b": "b\n"})
    assert (files, conflicts) == ({"a/1": "1\n", "b": "b\n", "x": "x\n"}, {})
    files, conflicts = both(base, {"a": None, "a/1": "1\n", "b/1": None, "b": "b\n"}, {"x": "x\n"})
    assert (files, conflicts) == ({"a/1": "1\n", "b": "b\n", "x": "x\n"}, {})


def test_what_nobody_touched_stays_bit_by_bit(history: History) -> None:
    """Directories that are empty, and modes of old repositories."""
    database = history.database
    empty, blob = database.write_tree({}), database.write("blob", b"x\n")
    inner = database.write_tree({b"keep": Entry(TREE, empty), b"gone": Entry(FILE, blob)})
    tree = database.write_tree(
        {b"d": Entry(TREE, inner), b"e": Entry(TREE, empty), b"old": Entry(0o100664, blob)}
    )
    start = history.commit_tree(tree.hex())
    ours = history.commit({"a": "a\n"}, start)
    theirs = history.commit({"b": "b\n", "d/gone": None}, start)
    request = MergeBranches(workspace=WORKSPACE, ours=ours, theirs=theirs, label="x")
    merged = database.tree(merge(database, request).tree)
    assert merged[b"old"] == Entry(0o100664, blob)
    assert merged[b"e"] == Entry(TREE, empty)
    assert database.tree(merged[b"d"].oid) == {b"keep": Entry(TREE, empty)}
    assert set(merged) == {b"a", b"b", b"d", b"e", b"old"}


def test_attributes_choose_no_driver(both: Both) -> None:
    files, conflicts = both(
        {".gitattributes": "* merge=union\n*.b binary\n", "a": "1\n", "a.b": LINES},
        {"a": "2\n", "a.b": LINES.replace("1\n", "one\n")},
        {"a": "3\n", "a.b": LINES.replace("9\n", "nine\n")},
    )
    assert conflicts == {"a": "content"}
    assert files["a.b"] == LINES.replace("1\n", "one\n").replace("9\n", "nine\n")


def test_histories_that_never_met_are_refused(history: History) -> None:
    with pytest.raises(CadreError, match="no common history") as caught:
        history.merge(history.commit({"a": "1\n"}), history.commit({"a": "2\n"}))
    assert caught.value.kind is ErrorKind.WRONG_INPUT
