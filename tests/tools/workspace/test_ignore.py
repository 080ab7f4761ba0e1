"""The rules of .gitignore, with the git command as the witness."""

import re
import subprocess

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cadre.tools.workspace import ignore
from cadre.tools.workspace.ignore import Rules, literal, parse

PIECES = st.sampled_from(
    ["a", "b", "ab", "*", "**", "?", "/", "/", "[a]", "[!a]", "[a-b]", "[[:alpha:]]", "[^b", "]",
     "\\", "\\a", " ", "\\ ", "!", "#", "-", ".", "a*b*", "**/", "/**/"]
)  # fmt: skip
LINES = st.lists(st.lists(PIECES, min_size=1, max_size=6).map("".join), min_size=1, max_size=4)
NAMES = st.text("ab.-", min_size=1, max_size=3).filter(lambda n: n not in {".", ".."})
PATHS = st.lists(
    st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=12, unique=True
)


def ignored(rules: Rules, path: str) -> bool:
    names = path.encode().split(b"/")
    parents = (b"/".join(names[:n]) for n in range(1, len(names)))
    return any(rules.ignores(p, directory=True) for p in parents) or rules.ignores(
        path.encode(), directory=False
    )


@pytest.fixture(scope="module")
def witness(tmp_path_factory):
    root = tmp_path_factory.mktemp("ignore")
    subprocess.run(["git", "init", "-q", root], check=True)

    def ask(lines, paths):
        (root / ".gitignore").write_text("\n".join(lines) + "\n")
        done = subprocess.run(
            ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index",
             "--stdin", "-z"],
            cwd=root, input="\0".join(paths).encode() + b"\0", capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr
        return set(done.stdout.decode().split("\0")) - {""}

    return ask


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=LINES, paths=PATHS)
def test_the_same_files_are_ignored_as_by_git(witness, lines, paths):
    # Git's shortcut for literal prefixes makes `a**/b` match more than its documentation says,
    # and an escaped slash beside `**` less.
    assume(not any(re.search(r"[^/!]\*\*|\\/", line) for line in lines))
    rules = Rules(parse("\n".join(lines).encode()))
    assert {p for p in paths if ignored(rules, p)} == witness(lines, paths)


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        ("*.pyc", "a/b/x.pyc", True),
        ("/build", "src/build", False),
        ("build/", "build", False),
        ("build/", "build/x", True),
        ("*.log\n!keep.log", "keep.log", False),
        ("doc/**/x", "doc/a/b/x", True),
        ("**/cache", "cache", True),
        ("a/**", "a", False),
        ("trailing \r\n# comment", "trailing", True),
        ("\ufeffbom", "bom", True),
        ("caf\u00e9*", "caf\u00e9s", True),
    ],
)
def test_rules_that_projects_use(lines, path, expected):
    assert ignored(Rules(parse(lines.encode())), path) is expected


def test_a_directorys_own_rules_go_before_its_parents():
    parent = Rules(parse(b"*.txt"))
    rules = Rules(parse(b"!keep.txt"), b"sub/", parent)
    assert not rules.ignores(b"sub/keep.txt", directory=False)
    assert rules.ignores(b"sub/other.txt", directory=False)


def test_a_hostile_pattern_is_matched_at_once():
    hostile = "**/" + "*a**/" * 12 + "z\n" + "*a" * 60 + "b\n"
    rules = Rules(ignore.parse(hostile.encode()))
    assert not ignored(rules, "/".join(["a" * 200] * 15))


@given(st.binary(min_size=1, max_size=12).filter(lambda n: not set(n) & set(b"\0/")))
def test_a_literal_rule_matches_its_own_path_alone(name):
    rules = Rules(parse(literal(name) + b"\n"))
    assert rules.ignores(name, directory=False)
    assert not rules.ignores(name + b"x", directory=False)
    assert not rules.ignores(b"x" + name, directory=False)
    assert not rules.ignores(b"d/" + name, directory=False)
