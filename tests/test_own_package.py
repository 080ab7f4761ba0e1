"""The example package of docs/own-patterns.md, installed beside Cadre, and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.e2e.harness import Home, git, make_repo

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "line_survey"
OFFERS = "line_survey.offers"
# The programs that come as wheels: Temporal's server, ripgrep.
PATH = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
FILES = {"long.py": "line\n" * 30, "short.py": "line\n", "README.md": "# A repository\n"}


def built(source: Path, directory: Path) -> Path:
    """The wheel of a source tree."""
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        directory,
    ]
    subprocess.run([*build, source], check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with both wheels; what they depend on is borrowed from this one."""
    made = tmp_path_factory.mktemp("own")
    wheels = [built(ROOT, made / "cadre"), built(EXAMPLE, made / "example")]
    environment = made / "environment"
    venv.create(environment, with_pip=True)
    pip: list[str | Path] = [
        environment / "bin/python",
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, *wheels], check=True, capture_output=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return environment


@pytest.fixture
def home(installed: Path, tmp_path: Path) -> Home:
    """A user's machine on which the environment's `cadre` runs."""
    home = Home(tmp_path, PATH=PATH, COLUMNS="200")
    home.command = (installed / "bin/cadre",)
    return home


def test_the_packages_own_test_passes_there(installed: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [
        installed / "bin/python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", tmp_path, EXAMPLE / "tests"],
        cwd=tmp_path,
        env=os.environ | {"PATH": PATH},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_its_pattern_tool_and_agent_run_beside_the_built_in_ones(home: Home) -> None:
    repo = make_repo(home.root / "repo", FILES)
    include = ("--include", OFFERS)
    listed = home.run("run", *include, "--help").stdout
    assert "Count lines, then write it down." in listed
    assert "pipeline" in listed
    assert "--longest" in home.run("run", *include, "survey", "--help").stdout

    with home.up("--scenario", EXAMPLE / "scenario.py", *include, "--processes", "2"):
        done = home.run(
            "run", *include, "survey", "Survey it", "--repo", repo, "--id", "s", "--json"
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        logs = home.run("logs", "s").stdout
    assert result["status"] == "approved"
    assert git(repo, "show", "cadre/s:SURVEY.md") == "long.py: 30 lines\nshort.py: 1 lines"
    assert "CountLines: *.py" in logs
    assert f"surveyor ({OFFERS})" in logs
    assert {"surveyor", "worker"} == {agent["role"] for agent in result["agents"]}


def test_the_setting_does_what_the_option_does(home: Home) -> None:
    assert "survey" in home.run("run", "--help", CADRE_INCLUDE=OFFERS).stdout
    unknown = home.run("run", "survey", "Survey it", "--repo", home.root)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "unknown pattern 'survey'" in unknown.stderr


@pytest.mark.parametrize(
    "arguments", [("up", "--simulate"), ("worker",), ("run", "pipeline", "x", "--repo", ".")]
)
def test_what_cannot_be_included_is_said_before_anything_starts(
    home: Home, arguments: tuple[str, ...]
) -> None:
    done = home.run(*arguments, CADRE_INCLUDE="nowhere_to_be_found")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    assert "--include nowhere_to_be_found: it cannot be imported" in done.stderr
    assert not home.state.exists()


def test_the_page_shows_what_the_example_says() -> None:
    page = (ROOT / "docs" / "own-patterns.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    source = (EXAMPLE / "line_survey" / "offers.py").read_text()
    assert blocks[0] == source.partition('"""\n\n')[2]
    tool = (EXAMPLE / "line_survey" / "count_lines.py").read_text()
    assert all(part.strip() in tool for part in blocks[-1].split(" ...\n"))


LOOK = """
from cadre.domain.agents import Role
from cadre.domain.roles import SCOUT
from cadre.domain.outcomes import Ending, RunResult, RunStatus
from cadre.domain.runs import RunInput
from temporalio import workflow
from workflows.registry import Pattern
from workflows.run import Run

PATTERNS = (Pattern("look", "Have a look.", "look:Look"),)
"""


def test_the_smallest_pattern_of_the_page_runs(installed: Path, home: Home) -> None:
    page = (ROOT / "docs" / "own-patterns.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    workflow, given = blocks[1:3]
    assert workflow.count("\n") < 10
    (packages,) = installed.glob("lib/python*/site-packages")
    (packages / "look.py").write_text(f"{LOOK}\n{given}\n{workflow}")
    repo = make_repo(home.root / "repo", FILES)
    waiting = ROOT / "tests/e2e/scenarios/waiting.py"  # its scout reports at once
    home.environment["CADRE_INCLUDE"] = f"look,{OFFERS}"
    with home.up("--scenario", waiting):
        done = home.run("run", "look", "Look", "--repo", repo, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "approved"


def test_a_pattern_that_breaks_the_rules_of_workflows_is_refused(
    installed: Path, home: Home
) -> None:
    (packages,) = installed.glob("lib/python*/site-packages")
    page = (ROOT / "docs" / "own-patterns.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    rolled = "import random\nROLLED = random.random()"
    code = f"{LOOK}\n{rolled}\n{blocks[2]}\n{blocks[1]}".replace("look:Look", "rolled:Look")
    (packages / "rolled.py").write_text(code)
    done = home.run("up", "--simulate", "--include", "rolled")
    assert (done.returncode, done.stdout) == (2, ""), done
    assert "Traceback" not in done.stderr
    refusal = done.stderr.splitlines()[-1]  # before it, the SDK logs what was restricted
    assert "Failed validating workflow look" in refusal
    assert "random.random" in refusal
