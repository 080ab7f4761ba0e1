"""Rules against calls: what they allow and deny, and what tries to get around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadre.domain.agents import TOOL_NAMES
from cadre.domain.command_rules import allows, denies
from cadre.domain.commands import take_apart
from cadre.domain.rules import (
    MAX_RULE_CHARS,
    Request,
    allowed_by,
    matches_path,
    parse_rule,
    problem,
    unknown_tool,
)

PYTEST, BUILD, MAIN = "pytest:*", "npm run build", "git * main"
ALLOWED = [
    (PYTEST, "pytest"),
    (PYTEST, "pytest -q tests/test_a.py"),
    (PYTEST, "  pytest   -k 'a or b' "),
    (PYTEST, "'pytest' -q"),
    (PYTEST, 'pytest -k "it\'s; fine | really && so"'),
    (PYTEST, "pytest -q && pytest -x; pytest || pytest | pytest\npytest &"),
    (PYTEST, "pytest 2>&1"),
    (PYTEST, "pytest -q >/dev/null 2>&1"),
    (PYTEST, "pytest &> /dev/null"),
    (PYTEST, "pytest $HOME ~/x *.py a?b [ab]"),
    (PYTEST, r"pytest a\ b \"c\;d"),
    (PYTEST, "pytest ä🎉"),
    ("pytest *", "pytest"),
    ("pytest *", "pytest x"),
    ("pytest*", "pytest-3 x"),
    (BUILD, "npm run build"),
    (BUILD, "npm  run   build"),
    ("npm run build > log", "npm run build > log"),
    (MAIN, "git push origin main"),
    ("* --version", "anything at all --version"),
    ("git add *.py *", "git add a.py b"),
]
NOT_ALLOWED = [
    (PYTEST, ""),
    (PYTEST, "   "),
    (PYTEST, "pytestx"),
    (PYTEST, "py.test"),
    (PYTEST, "./pytest"),
    (PYTEST, "/tmp/pytest"),
    (PYTEST, "PYTEST"),
    (PYTEST, "pуtest"),  # with a Cyrillic letter
    (PYTEST, "pytest\u00a0-q"),
    (PYTEST, "pytest\r"),
    (PYTEST, "\u200bpytest"),
    (PYTEST, "'pytest -q'"),
    (PYTEST, "'pytest x/../../evil'"),
    (PYTEST, "pytest && rm x"),
    (PYTEST, "pytest; rm x"),
    (PYTEST, "pytest | sh"),
    (PYTEST, "pytest |& sh"),
    (PYTEST, "pytest || rm x"),
    (PYTEST, "pytest & rm x"),
    (PYTEST, "pytest\nrm x"),
    (PYTEST, "pytest $(rm x)"),
    (PYTEST, 'pytest "$(rm x)"'),
    (PYTEST, "pytest `rm x`"),
    (PYTEST, 'pytest "`rm x`"'),
    (PYTEST, "pytest <(rm x)"),
    (PYTEST, "pytest >(rm x)"),
    (PYTEST, "pytest ${x:-$(rm x)}"),
    (PYTEST, 'pytest "${x:-$(rm x)}"'),
    (PYTEST, "pytest $((a[$(rm x)]))"),
    (PYTEST, "pytest $[a[$(rm x)]]"),
    (PYTEST, r"pytest $'\x60'"),
    (PYTEST, "pytest > conftest.py"),
    (PYTEST, "pytest >> conftest.py"),
    (PYTEST, "pytest >| conftest.py"),
    (PYTEST, "pytest &> conftest.py"),
    (PYTEST, "pytest >&conftest.py"),
    (PYTEST, "pytest > /dev/nullx"),
    (PYTEST, "pytest > /dev/null/../x"),
    (PYTEST, "pytest < .env"),
    (PYTEST, "pytest <> x"),
    (PYTEST, "pytest <<< x"),
    (PYTEST, "pytest << E\nrm x\nE"),
    (PYTEST, "A=1 pytest"),
    (PYTEST, "A=1"),
    (PYTEST, "PATH=. pytest"),
    (PYTEST, "a[0]=1 pytest"),
    (PYTEST, "env pytest"),
    (PYTEST, "timeout 5 pytest"),
    (PYTEST, "bash -c pytest"),
    (PYTEST, "eval pytest"),
    (PYTEST, "(pytest)"),
    (PYTEST, "{ pytest; }"),
    (PYTEST, "! pytest"),
    (PYTEST, "if pytest; then rm x; fi"),
    (PYTEST, "while pytest; do rm x; done"),
    (PYTEST, "time pytest"),
    (PYTEST, "pytest() { rm x; }; pytest"),
    (PYTEST, "function pytest { rm x; }"),
    (PYTEST, "pytest # it's\nrm x #'"),
    (PYTEST, "#'\nrm x #'"),
    (PYTEST, "pytest 'unfinished"),
    (PYTEST, 'pytest "unfinished'),
    (PYTEST, "pytest \\"),
    (PYTEST, "pytest \\\nrm"),
    (PYTEST, "pytest {a,b}"),
    (PYTEST, "$X"),
    (PYTEST, "pytest;; rm"),
    (PYTEST, "\\pytest\\"),
    (BUILD, "npm run build x"),
    (BUILD, "npm run build && npm run build:evil"),
    (MAIN, "git push origin main; rm x"),
    (MAIN, "git main"),
    ("ls *", "lsof"),
    ("npm run:*", "npm runx"),
]


@pytest.mark.parametrize(("rule", "command"), ALLOWED)
def test_allowed(rule: str, command: str) -> None:
    assert allows([rule], command)


@pytest.mark.parametrize(("rule", "command"), NOT_ALLOWED)
def test_not_allowed(rule: str, command: str) -> None:
    assert not allows([rule], command)


def test_rules_allow_together() -> None:
    assert allows(["pytest:*", "ruff check:*"], "ruff check . && pytest")
    assert not allows(["pytest:*", "ruff check:*"], "ruff format . && pytest")


RM, PUSH = "rm:*", "git push:*"
DENIED = [
    (RM, "rm x"),
    (RM, "rm"),
    (RM, "/bin/rm x"),
    (RM, "r\\m x"),
    (RM, "'r'm x"),
    (RM, '"rm" x'),
    (RM, "true && rm x"),
    (RM, "true; rm x"),
    (RM, "true | rm x"),
    (RM, "true\nrm x"),
    (RM, "true & rm x"),
    (RM, "A=1 rm x"),
    (RM, "rm x > log"),
    (RM, "> log rm x"),
    (RM, "echo $(rm x)"),
    (RM, "echo `rm x`"),
    (RM, "cat <(rm x)"),
    (RM, "sh -c 'rm x'"),
    (RM, "sh -c 'true;rm x'"),
    (RM, 'bash -c "cd a && rm x"'),
    (RM, "env A=1 rm x"),
    (RM, "timeout 5 rm x"),
    (RM, "find . -exec rm {} +"),
    (RM, "ls | xargs rm"),
    (RM, "xargs /bin/rm < list"),
    (RM, "if true; then rm x; fi"),
    (RM, "(rm x)"),
    (RM, "{ rm x; }"),
    (RM, "! rm x"),
    (RM, "sh << E\nrm x\nE"),
    (RM, "rm${IFS}x"),
    (RM, "eval 'rm x'"),
    (RM, "f() { rm x; }; f"),
    (PUSH, "git  push   origin"),
    (PUSH, "cd a; git push"),
    (PUSH, "sudo git push"),
    ("npm publish", "npm publish"),
    ("npm publish", "npm test && npm publish"),
    (MAIN, "git push origin main"),
    (MAIN, "true $(git push origin main)"),
    ("a && b", "a && b"),
]
NOT_DENIED = [
    (RM, "rmdir x"),
    (RM, "echo rm x"),
    (RM, "git rm x"),
    (RM, "git commit -m 'rm x'"),
    (RM, "echo 'rm x' > notes.txt"),
    (PUSH, "git pull"),
    ("npm publish", "npm publish --dry-run"),
    (MAIN, "git push origin feature"),
]


@pytest.mark.parametrize(("rule", "command"), DENIED)
def test_denied(rule: str, command: str) -> None:
    assert denies(rule, command)


@pytest.mark.parametrize(("rule", "command"), NOT_DENIED)
def test_not_denied(rule: str, command: str) -> None:
    assert not denies(rule, command)


SHELL = st.text(
    alphabet=st.sampled_from(list("ab /'\"\\$`(){}<>|&;#=\n\t!*-0é")) | st.characters(), max_size=60
)


@given(SHELL)
def test_any_text_is_taken_apart(command: str) -> None:
    parts = take_apart(command)
    assert parts.certain <= (not parts.opaque)
    assert isinstance(denies("rm:*", command), bool)


@given(SHELL, st.sampled_from(["; rm x", " && rm x", "\nrm x", " | rm x", " & rm x"]))
def test_nothing_that_follows_a_separator_is_allowed(command: str, more: str) -> None:
    """Where it is taken for a part of a word, quotes make it one, so there is no end to them."""
    if allows(["pytest:*"], f"pytest {command}"):
        assert not allows(["pytest:*"], f"pytest {command}{more}")
        assert denies("rm:*", f"pytest {command}{more}")


def test_long_commands_and_patterns_take_no_long_time() -> None:
    """The suite's own timeout would end what is more than linear or so."""
    denies("rm * x * y * z", "sh -c " + "rm " * 200_000)
    allows(["a*" * 100 + "b"], "a" * 200_000)
    take_apart("'" * 200_001)


PATHS = [
    ("src/**", "src/a.py", True),
    ("src/**", "src/deep/a.py", True),
    ("src/**", "src", False),
    ("src/**", "lib/src/a.py", False),
    ("src", "src/a.py", True),
    ("src", "lib/src/a.py", True),
    ("/src", "lib/src/a.py", False),
    ("src/", "src/a.py", True),
    ("src/", "src", False),
    ("docs/*.md", "docs/a.md", True),
    ("docs/*.md", "docs/deep/a.md", False),
    ("./docs/*.md", "docs/a.md", True),
    ("*.env", "deep/x.env", True),
    (".env", "deep/.env", True),
    ("./.env", "deep/.env", False),
    ("/.env", ".env", True),
    ("**/secret", "a/b/secret", True),
    ("**", "anything", True),
    ("*", "any/thing", True),
    ("/", "any/thing", True),
    ("//etc/passwd", "etc/passwd", False),
    ("~/.ssh/**", ".ssh/key", False),
    ("**", "..", False),
    ("**", "../x", False),
    ("**", "..x", True),
    ("src/**", "SRC/a.py", False),
    ("ä*", "äb", True),
]


@pytest.mark.parametrize(("pattern", "path", "matches"), PATHS)
def test_paths(pattern: str, path: str, matches: bool) -> None:
    assert matches_path(pattern, path) is matches


CALLS = [
    ("Edit(src/**)", Request("Edit", paths=("src/a",)), True),
    ("Edit(src/**)", Request("Write", paths=("src/a",)), True),
    ("Write(src/**)", Request("Edit", paths=("src/a",)), False),
    ("Edit(src/**)", Request("Read", paths=("src/a",)), False),
    ("Read(src/**)", Request("Grep", paths=("src",)), True),
    ("Read(src/**)", Request("Grep", paths=(".",)), False),
    ("Read(**)", Request("Glob", paths=(".",)), True),
    ("Edit", Request("Write", paths=("x",)), True),
    ("Edit(src/**)", Request("Edit", paths=("src/a", "other")), False),  # a link
    ("Bash", Request("Bash", "anything; at `all`"), True),
    ("Bash(*)", Request("Bash", "anything; at `all`"), True),
    ("*", Request("Whatever"), True),
    ("mcp__a__*", Request("mcp__a__b"), True),
    ("mcp__a__*", Request("mcp__b__b"), False),
    ("Task(scout)", Request("Task", agent="scout"), True),
    ("Task(scout)", Request("Task", agent="builder"), False),
]


@pytest.mark.parametrize(("rule", "request_", "expected"), CALLS)
def test_what_a_rule_allows(rule: str, request_: Request, expected: bool) -> None:
    assert allowed_by([parse_rule(rule)], request_) is expected


def test_a_link_is_no_way_around_a_rule_that_denies() -> None:
    linked = Request("Read", paths=("docs/x", ".env"))
    assert parse_rule("Read(.env)").denies(linked)
    assert parse_rule("Read(.env)").denies(linked._replace(tool="Edit"))
    assert not parse_rule("Read(.env)").denies(linked._replace(tool="Write"))


BAD = ["", "Bash(", "Bash)", "(x)", "Bash(x)y", "Bash()", "Bash( )", "Bash(:*)", "Bash(a\nb)",
       "Edit(!x)", "Edit([a)", "Edit(a//b)", "Ba sh", f"Bash({'x' * MAX_RULE_CHARS})"]  # fmt: skip


@pytest.mark.parametrize("rule", BAD)
def test_malformed_rules(rule: str) -> None:
    assert problem(rule, TOOL_NAMES)


def test_tools_that_there_are_not() -> None:
    assert unknown_tool("WebFetch(domain:example.com)", TOOL_NAMES)
    assert problem("WebFetch(domain:example.com)", TOOL_NAMES) is None
    assert not unknown_tool("Query", (*TOOL_NAMES, "Query"))
    assert problem("Query(x)", (*TOOL_NAMES, "Query"))


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_rule_is_refused_or_works(rule: str, text: str) -> None:
    for candidate in (rule, f"Bash({rule})", f"Edit({rule})"):
        if problem(candidate, TOOL_NAMES) is None:
            parsed = parse_rule(candidate)
            for tool in TOOL_NAMES:
                request = Request(tool, command=text, paths=(text or ".",))
                assert isinstance(parsed.denies(request), bool)
                assert isinstance(allowed_by([parsed], request), bool)
