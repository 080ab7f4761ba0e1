"""Ten agents at once on one repository: one fails, two are in conflict, the rest is integrated."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.harness import ROOT, SCENARIOS, Home, git, make_repo, until
from tests.e2e.scenarios.shapes import CHECK, CONFLICTS, FILES, MODULES, REFUSES, TASKS

SHAPES = SCENARIOS / "shapes.py"
TASK_OPTIONS = [word for task in TASKS for word in ("--task", task)]


def test_ten_agents_one_failure_one_conflict(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FILES)
    home = Home(tmp_path)
    with home.up("--scenario", SHAPES):
        done = home.run(
            "run", "fan-out", *TASK_OPTIONS, "--repo", repo, "--check", CHECK, "--id", "ten",
            "--json",
        )  # fmt: skip
        assert done.returncode == 1, done.stdout + done.stderr
    assert "limits   50 agents in all, 20 at once, 10 USD" in done.stderr
    assert "estimate 10 to 20 agents, $" in done.stderr
    result = json.loads(done.stdout)["result"]
    assert (result["status"], result["summary"]) == ("partly done", "9 of 10 parts are in")
    settle(repo, "ten", result)


def settle(repo: Path, run: str, result: dict[str, Any]) -> None:
    """Assert that the branches hold what the result says, and that the check passes on them."""
    parts = {part["number"]: part for part in result["parts"]}
    failed = parts[list(MODULES).index(REFUSES) + 1]
    assert (failed["state"], failed["why"][:7]) == ("failed", "refused")
    assert failed["branch"] == f"cadre/{run}+{failed['number']}"
    assert git(repo, "show", f"{failed['branch']}:shapes/{REFUSES}.py"), "what it did is kept"
    states = sorted(part["state"] for part in parts.values())
    assert states == ["failed", *["integrated"] * 8, "integrated after a conflict"]

    branch = f"cadre/{run}"
    there = set(git(repo, "ls-tree", "--name-only", branch, "shapes/").split())
    assert {f"shapes/{name}.py" for name in MODULES if name != REFUSES} < there
    assert f"shapes/{REFUSES}.py" not in there
    names = git(repo, "show", f"{branch}:shapes/names.py")
    for name in CONFLICTS:
        assert f'"{name}": "the {name}"' in names
    merges = git(repo, "log", "--merges", "--format=%s", branch).splitlines()
    assert len(merges) == 9
    assert git(repo, "branch", "--list", f"cadre/{run}*", "--format=%(refname:short)").split() == [
        branch, failed["branch"]
    ]  # fmt: skip
    copy = repo.parent / f"copy-{run}"
    git(repo, "worktree", "add", "-q", str(copy), branch)
    subprocess.run(["sh", "-c", CHECK], cwd=copy, check=True, capture_output=True)


def test_a_split_waits_for_an_approval(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FILES)
    home = Home(tmp_path)
    more = ("--repo", repo, "--check", CHECK)
    with home.up("--scenario", SHAPES):
        refused = home.run("run", "fan-out", "Add three shapes", *more)
        assert refused.returncode == 2
        assert "nobody can be asked here" in refused.stderr
        begun = home.run("run", "fan-out", "Add three shapes", *more, "--id", "asks", "--detach")
        assert begun.returncode == 0, begun.stderr
        approved = approve(home, "asks")
        assert "asks: parts approved by tester: looks right" in approved
        watched = home.run("watch", "asks")
        assert watched.returncode == 0, watched.stdout + watched.stderr
        again = home.run("approve", "asks")
        assert (again.returncode, again.stderr.count("\n")) == (2, 1)
        assert "asks waits for no decision: it is completed" in again.stderr
        yes = home.run("run", "fan-out", "Add three shapes", *more, "--yes")
        assert yes.returncode == 0, yes.stdout + yes.stderr
    assert "parts: approved by tester: looks right" in home.run("show", "asks", "--json").stdout


def approve(home: Home, run: str) -> str:
    """`cadre approve`, once the run waits for it."""

    def approved() -> str:
        done = home.run("approve", run, "--by", "tester", "--reason", "looks right")
        return done.stdout if done.returncode == 0 else ""

    said: str = until(approved, "an approval")
    return said


def test_the_documents_example(tmp_path: Path) -> None:
    """docs/fan-out.md: the command as it stands there, and what it prints."""
    text = (ROOT / "docs/fan-out.md").read_text()
    command = shlex.split(text.partition("```sh\n")[2].partition("```")[0].replace("\\\n", " "))
    expected = text.partition("```\nverdict")[2].partition("```")[0].splitlines()
    repo = make_repo(tmp_path / "shapes", FILES)
    home = Home(tmp_path)
    arguments = [str(repo) if word == "~/shapes" else word for word in command[1:]]
    with home.up("--scenario", SHAPES):
        done = home.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in expected if line.removeprefix("  ") not in done.stdout] == []
