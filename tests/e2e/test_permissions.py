"""The example of docs/permissions.md, run as it stands there, and wrong input."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import ROOT, SCENARIOS, Home, git, make_repo

PAGE = (ROOT / "docs/permissions.md").read_text()
FILES = {
    "README.md": "# Answers\n",
    ".gitignore": "__pycache__/\n",
    ".env": "SECRET=canary-4f1b\n",
    "migrations/0001.sql": "create table t (n int);\n",
    "src/app.py": "def answer():\n    return 41\n",
    "src/test_app.py": (
        "import unittest\n\nfrom app import answer\n\n\nclass T(unittest.TestCase):\n"
        "    def test_it(self):\n        self.assertEqual(answer(), 42)\n"
    ),
}


def shown_files() -> dict[str, str]:
    """The files that the page shows, by the name that stands before each."""
    found = re.findall(r"`(\.claude/[^`]+)`:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    return dict(found)


def shown_options() -> list[str]:
    """The options of the command that the page shows."""
    [command] = re.findall(r"```\n(cadre run .*?)```", PAGE, re.DOTALL)
    words = shlex.split(command.replace("\\\n", " "))
    return words[words.index(".") + 1 :]


def shown_log() -> list[str]:
    [log] = re.findall(r"from `cadre logs`:\n\n```\n(.*?)```", PAGE, re.DOTALL)
    return str(log).splitlines()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("home"))
    with home.up("--scenario", SCENARIOS / "bounded.py"):
        yield home


def stored(home: Home, run: str) -> list[dict[str, Any]]:
    """What the builder's tools said, in order."""
    found = sorted((home.state / f"store/runs/{run}/agents/builder.1/tools").glob("*.json"))
    return [json.loads(path.read_text()) for path in found]


def test_the_example(home: Home, tmp_path: Path) -> None:
    assert set(shown_files()) == {
        ".claude/settings.json", ".claude/hooks/no-sleep.sh", ".claude/hooks/format.sh",
    }  # fmt: skip
    repo = make_repo(tmp_path / "repo", FILES | shown_files())
    shown = home.pipeline(repo, "Answer 42", "--id", "example", *shown_options())
    assert shown["status"] == "approved", json.dumps(shown, indent=1)
    assert any("hooks run around tools: 2" in note for note in shown["result"]["notes"])
    assert any("asks a person about Bash" in note for note in shown["result"]["notes"])

    results = stored(home, "example")
    assert [result["denied"] for result in results] == [True] * 5 + [False] * 2
    assert "nothing happens meanwhile" in results[4]["content"]
    assert "OK" in results[6]["content"]
    assert not any("canary" in result["content"] for result in results)

    assert git(repo, "diff", "--name-only", "main", "cadre/example") == "src/app.py"
    assert git(repo, "show", "cadre/example:src/app.py") == "def answer():\n    return 42"
    log = home.run("logs", "example").stdout
    for line in shown_log():
        # A line of the log is cut at its width.
        assert line[:120] in log
    assert len(shown_log()) == 4


def test_without_rules_and_hooks_the_sandbox_is_the_gate(home: Home, tmp_path: Path) -> None:
    files = FILES | {".claude/settings.json": '{"hooks": {"PreToolUse": [{}]}}'}
    repo = make_repo(tmp_path / "repo", files)
    home.pipeline(repo, "Answer 42", "--id", "free", "--no-hooks")
    assert not any(result["denied"] for result in stored(home, "free"))
    changed = git(repo, "diff", "--name-only", "main", "cadre/free").splitlines()
    assert {"README.md", "migrations/0001.sql"} <= set(changed)


WRONG = [
    (("--allow", "Bash(pytest"), {}, "--allow 'Bash(pytest': it is no rule"),
    (("--deny", "Shell(x)"), {}, "--deny 'Shell(x)': no such tool; there are Read"),
    (("--deny", "Edit(!src)"), {}, "its path can never match"),
    (("--permission-mode", "yolo"), {}, "permission-mode"),
    ((), {".claude/settings.json": "{"}, ".claude/settings.json: it is not JSON (line 1)"),
    ((), {".claude/settings.json": '{"permissions": {"deny": ["Bash("]}}'}, "permissions.deny"),
    ((), {".claude/settings.json": '{"hooks": {"PreToolUse": [{}]}}'}, "--no-hooks runs without"),
]


@pytest.mark.parametrize(("options", "files", "words"), WRONG)
def test_wrong_input_gets_one_clear_line(
    tmp_path: Path, options: tuple[str, ...], files: dict[str, str], words: str
) -> None:
    """Before anything starts: there is no server to ask."""
    repo = make_repo(tmp_path / "repo", FILES | files)
    done = Home(tmp_path).run("run", "pipeline", "x", "--repo", repo, *options)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    if "--permission-mode" not in options:
        assert len(done.stderr.splitlines()) == 1, done.stderr
