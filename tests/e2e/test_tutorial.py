"""docs/tutorial.md, done as it says: its own agent and its own pattern, word for word."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cadre.simulator.sample import make_sample
from starters.cli import COMMANDS
from tests.e2e.harness import ROOT, Home, git

TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
PACKAGES = ("cadre", "workflows", "activities", "workers", "starters")
CHECK = ("--check", "python3 -m unittest -q")
TASK = "Touching bookings must not conflict"


def block(language: str, start: str) -> str:
    """The code block that begins with `start`."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", TUTORIAL, re.DOTALL | re.MULTILINE)
    [found] = [text for text in blocks if text.startswith(start)]
    return str(found)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "bookings"
    make_sample(path)
    return path


def test_the_agent(tmp_path: Path, repo: Path) -> None:
    file = repo / ".claude/agents/careful-builder.md"
    file.parent.mkdir(parents=True)
    file.write_text(block("markdown", "---\nname: careful-builder"))
    git(repo, "add", ".claude")
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.invalid")
    git(repo, *who, "commit", "--quiet", "--message", "Add an agent")
    home = Home(tmp_path)
    with home.up("--simulate"):
        found = home.pipeline(repo, TASK, *CHECK, "--builder", "careful-builder", "--id", "careful")
        logs = home.run("logs", "careful", "--agent", "builder.1").stdout
    assert found["status"] == "approved"
    models = {line["agent"]: line["model"] for line in found["agents"]}
    assert "opus" in models["builder.1"]
    assert (
        f"starts: careful-builder (.claude/agents/careful-builder.md) on {models['builder.1']}"
        in logs
    )


def tree_with_the_pattern(path: Path) -> Path:
    """A source tree after the tutorial's fifth chapter."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (path / "workflows/green.py").write_text(block("python", '"""scout ─▶ plan'))
    registry = path / "workflows/registry.py"
    line = block("text", '    Pattern("green"').rstrip()
    text = registry.read_text()
    assert text.count("PATTERNS = (\n") == 1
    registry.write_text(text.replace("PATTERNS = (\n", f"PATTERNS = (\n{line}\n"))
    return path


def test_the_pattern(tmp_path: Path, repo: Path) -> None:
    tree = tree_with_the_pattern(tmp_path / "tree")
    home = Home(tmp_path, PYTHONPATH=str(tree))
    home.command = (sys.executable, "-P", "-m", "starters.cli")
    with home.up("--simulate"):
        done = home.run(
            "run", "green", TASK, "--repo", repo, *CHECK, "--attempts", "2", "--id", "green",
            "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        unchecked = home.run("run", "green", TASK, "--repo", repo, "--json")
    shown = json.loads(done.stdout)
    assert (shown["status"], shown["result"]["rounds"]) == ("approved", 1)
    assert [line["agent"] for line in shown["agents"]] == ["scout", "planner", "builder.1"]
    assert git(repo, "diff", "--name-only", "main", "cadre/green") == "bookings/interval.py"
    assert json.loads(unchecked.stdout)["result"]["summary"] == "this pattern needs a check"


def test_every_command_that_it_names_exists() -> None:
    named = set(re.findall(r"^\./run (\w+)", TUTORIAL, re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)


def test_every_link_and_picture_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TUTORIAL)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).is_file()] == []


def test_the_first_example_clones_the_demos_sample(tmp_path: Path) -> None:
    """The command with `ls` finds what `cadre demo` left in the default state directory."""
    sample = tmp_path / ".local/state/cadre/samples/demo-x"
    sample.parent.mkdir(parents=True)
    make_sample(sample)
    [line] = [text for text in TUTORIAL.splitlines() if text.startswith("git clone")]
    subprocess.run(
        ["sh", "-c", line], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True
    )
    assert (tmp_path / "bookings/bookings/interval.py").is_file()
