"""Bash itself as the witness: of what a rule allows, it runs nothing but what the rule names."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadre.domain.command_rules import allows

PIECES = ["a", "b", " ", "  ", "'", '"', "\\", "$", "`", "(", ")", "{", "}", "<", ">", "|", "&",
          ";", "#", "=", "\n", "\t", "!", "*", "[", "]", "1", "2>&1", ">/dev/null", "$(b)",
          "pytest", " pytest ", "; pytest", "&& pytest ", "<<", "\r", "é", "\u00a0"]  # fmt: skip
COMMANDS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


def bash(command: str, tmp_path: Path) -> str:
    """What bash says of commands that it does not find; there is none but pytest."""
    programs, work = tmp_path / "programs", tmp_path / "work"
    for directory in (programs, work):
        directory.mkdir(exist_ok=True)
    stub = programs / "pytest"
    if not stub.exists():
        stub.write_text("#!/bin/sh\n")
        stub.chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", "-c", command], env={"PATH": str(programs), "LC_ALL": "C"}, cwd=work,
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert list(work.iterdir()) == [], command
    return done.stderr.decode(errors="replace")


@settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
@given(COMMANDS)
def test_bash_runs_nothing_else(tmp_path: Path, command: str) -> None:
    command = f"pytest {command}"
    if allows(["pytest:*"], command):
        assert "not found" not in bash(command, tmp_path), command
        assert "No such file" not in bash(command, tmp_path), command


def test_the_witness_notices(tmp_path: Path) -> None:
    assert "b: command not found" in bash("pytest $(b)", tmp_path)
    assert "No such file" in bash("pytest < b", tmp_path)
