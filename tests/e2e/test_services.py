"""The services as a user runs them: through ./run, as real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadre.runtime.ports import HOST, free_port, port_is_free
from tests.e2e.harness import Home, Serving, pid_of, until

CANARY = "sk-ant-canary-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def up(home: Home) -> Iterator[Serving]:
    with home.serving("up", "--simulate") as up:
        yield up


def pids(home: Home) -> list[int | None]:
    return [pid_of(home.services(), part) for part in ("server", "worker", "simulator")]


def is_gone(pid: int | None) -> bool:
    return not Path(f"/proc/{pid}").exists()


def assert_refused(done: subprocess.CompletedProcess[str], pattern: str) -> None:
    assert done.returncode == 2, done
    assert re.search(pattern, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_says_what_runs_where_and_ends_it_all(home: Home, number: signal.Signals) -> None:
    port = home.environment["CADRE_PORT"]
    with home.serving("up", "--simulate") as up:
        assert up.said["Temporal"] == f"{HOST}:{port}"
        assert up.said["Web UI"] == f"http://{HOST}:{home.environment['CADRE_UI_PORT']}"
        assert "simulator" in up.said["Models"]
        assert up.said["Sandbox"] in {"bubblewrap", "landlock"}
        started = pids(home)
        assert up.end(number) == 0
        assert [pid for pid in started if not is_gone(pid)] == []
        assert port_is_free(int(port))


def test_what_others_are_told_while_it_runs(home: Home, up: Serving) -> None:
    again = home.run("up", "--simulate")
    assert_refused(again, f"already run on .*process {up.process.pid}")
    taken = home.run("up", "--simulate", CADRE_STATE_DIR=str(home.root / "other"))
    assert_refused(taken, f"port {home.environment['CADRE_PORT']} is taken")
    checks = json.loads(home.run("doctor", "--json").stdout)
    found = {check["name"]: (check["state"], check["found"]) for check in checks}
    assert found["Temporal"][0] == found["attributes"][0] == "ok"
    assert home.environment["CADRE_PORT"] in found["Temporal"][1]
    assert pids(home)


def test_a_killed_server_comes_back_for_users(home: Home, up: Serving) -> None:
    server, *others = pids(home)
    assert server is not None
    os.kill(server, signal.SIGKILL)
    until(lambda: pids(home)[0] not in {server, None}, "another server")
    assert home.run("list").returncode == 0
    assert pids(home)[1:] == others


def test_server_and_worker_run_alone(home: Home) -> None:
    with home.serving("server") as server:
        worker = home.start("worker", ANTHROPIC_API_KEY=CANARY)
        assert worker.stdout is not None
        line = worker.stdout.readline()
        worker.terminate()
        rest, _ = worker.communicate(timeout=60)
        assert f"at {server.said['Temporal']}" in line, rest
        assert "Claude by ANTHROPIC_API_KEY" in line
        assert worker.returncode == 0, rest
        assert CANARY not in line + rest
        assert server.end() == 0


def test_wrong_input_is_one_line_and_leaves_nothing(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_refused(home.run("up", "--simulate", "--port", port), f"port {port} is taken")
    assert_refused(home.run("up", "--port", "70000"), "port")
    assert_refused(home.run("worker"), "no Temporal server runs")
    away = f"{HOST}:{free_port()}"
    assert_refused(home.run("worker", TEMPORAL_ADDRESS=away), "no Temporal server answers")
    assert_refused(home.run("server", TEMPORAL_ADDRESS=away), "TEMPORAL_ADDRESS")
    assert_refused(home.run("up", "--scenario", "nothing.py"), r"nothing\.py")
    left = {path.name for path in home.state.iterdir()} if home.state.exists() else set()
    assert "services.json" not in left


def test_without_credentials_up_says_what_to_do(home: Home) -> None:
    done = home.run("up")
    assert done.returncode != 0
    assert "--simulate" in done.stderr
    assert done.stderr.count("\n") == 1
    assert port_is_free(int(home.environment["CADRE_PORT"]))


def test_doctor_looks_without_leaving_anything_running(home: Home) -> None:
    done = home.run("doctor")
    assert done.returncode == 0, done.stdout
    assert "cadre up --simulate" in " ".join(done.stdout.split())
    failed = home.run("doctor", "--json", CADRE_STATE_DIR="/proc/nowhere")
    assert failed.returncode == 1
    checks = {check["name"]: check for check in json.loads(failed.stdout)}
    assert checks["state"]["state"] == "fail"
    assert "CADRE_STATE_DIR" in checks["state"]["advice"]


def test_nothing_is_imported_from_where_the_user_stands(home: Home, tmp_path: Path) -> None:
    trap = "raise SystemExit('code of the current directory was run')\n"
    for name in ("starters", "cadre", "typer", "json"):
        (tmp_path / f"{name}.py").write_text(trap)
    done = home.run("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
