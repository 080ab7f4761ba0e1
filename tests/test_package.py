"""The wheel, built and installed in a fresh environment."""

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"cadre", "workflows", "activities", "workers", "starters"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    subprocess.run([*build, directory, ROOT], check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; what it depends on is borrowed from this one."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    install = ["-m", "pip", "install", "--no-deps", "--no-index"]
    subprocess.run([environment / "bin/python", *install, wheel], check=True, capture_output=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return environment


def run(installed: Path, home: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": str(home),
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
    }
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False
    )


def test_it_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == OURS
    agents = {name for name in names if name.startswith("cadre/agents/")}
    assert {f"cadre/agents/{role}.md" for role in ("scout", "planner", "builder", "reviewer")} <= (
        agents
    )
    sources = {
        str(path.relative_to(ROOT)) for name in OURS for path in ROOT.glob(f"{name}/**/*.py")
    }
    assert sources <= set(names)


def test_the_command_runs_from_it(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, installed / "bin/cadre", "--help")
    assert done.returncode == 0, done.stderr
    assert "Commands" in done.stdout
    where = "import cadre, workers; print(cadre.__file__, workers.__file__)"
    done = run(installed, tmp_path, installed / "bin/python", "-c", where)
    assert done.stdout.count(str(installed)) == 2


def test_its_parts_work_from_it(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, installed / "bin/cadre", "doctor", "--json")
    checks = {check["name"]: check["state"] for check in json.loads(done.stdout)}
    assert checks["sandbox"] == "ok", done.stdout
    assert checks["Temporal"] == "ok", done.stdout


def test_nobody_else_owns_its_names() -> None:
    others = {
        (distribution.name, file.parts[0])
        for distribution in importlib.metadata.distributions()
        if distribution.name != "cadre"
        for file in distribution.files or ()
    }
    assert len(others) > len(OURS)
    assert [pair for pair in others if pair[1].removesuffix(".py") in OURS] == []
