"""The command line as a process, on a real server with scripted agents."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygit2
import pytest

from tests.workflows.conftest import client, server_address  # noqa: F401

ROOT = Path(__file__).parents[2]
FOREIGN = ("TEMPORAL_", "CADRE_", "XDG_", "ANTHROPIC_")
Cadre = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "repo"
    repository = pygit2.init_repository(path, initial_head="main")
    who = pygit2.Signature("Tester", "tester@example.invalid", 1_700_000_000, 0)
    tree = repository.index.write_tree()
    repository.create_commit("HEAD", who, who, "First", tree, [])
    return path


@pytest.fixture
def environment(tmp_path: Path, server_address: str) -> dict[str, str]:  # noqa: F811
    mine = {n: v for n, v in os.environ.items() if not n.startswith(FOREIGN)}
    return mine | {
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "CADRE_STATE_DIR": str(tmp_path / "state"),
        "CADRE_TASK_QUEUE": f"q-{tmp_path.name}",
        "TEMPORAL_ADDRESS": server_address,
    }


@pytest.fixture
def queue(environment: dict[str, str]) -> str:
    return environment["CADRE_TASK_QUEUE"]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    def start(*arguments: Any, module: str = "cli", **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", f"starters.{module}", *map(str, arguments)],
            env=environment | variables,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def cadre(start: Callable[..., subprocess.Popen[str]]) -> Cadre:
    """A command to its end; from an async test, call it by `asyncio.to_thread`."""

    def run(*arguments: Any, **options: str) -> subprocess.CompletedProcess[str]:
        process = start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return run
