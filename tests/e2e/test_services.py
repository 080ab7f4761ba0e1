"""The services as a user runs them: through ./run, as real processes."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from cadre.runtime.devserver import HOST, free_port, port_is_free

ROOT = Path(__file__).parents[2]
FOREIGN = ("TEMPORAL_", "CADRE_", "XDG_", "ANTHROPIC_")
CANARY = "sk-ant-canary-0123456789"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    mine = {name: v for name, v in os.environ.items() if not name.startswith(FOREIGN)}
    return mine | {
        "HOME": str(tmp_path),
        "CADRE_STATE_DIR": str(tmp_path / "state"),
        "CADRE_PORT": str(free_port()),
        "CADRE_UI_PORT": str(free_port()),
    }


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "run", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


class Up:
    """`./run up …`, read until it says that everything runs."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self.process = subprocess.Popen(
            [ROOT / "run", *arguments], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.said: dict[str, str] = {}
        for line in self.process.stdout:
            name, _, value = line.strip().partition("  ")
            self.said[name] = value.strip()
            if line.startswith("Ctrl-C"):
                return
        self.process.communicate()
        pytest.fail(f"it ended: {self.said}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def up(environment: dict[str, str]) -> Iterator[Up]:
    with Up(environment, "up", "--simulate") as up:
        yield up


def pids(environment: dict[str, str]) -> list[int]:
    services = json.loads(Path(environment["CADRE_STATE_DIR"], "services.json").read_text())
    return [services[f"{part}_pid"] for part in ("server", "worker", "simulator")]


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def assert_refused(done: subprocess.CompletedProcess[str], pattern: str) -> None:
    assert done.returncode == 2, done
    assert re.search(pattern, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_says_what_runs_where_and_ends_it_all(
    environment: dict[str, str], number: signal.Signals
) -> None:
    with Up(environment, "up", "--simulate") as up:
        assert up.said["Temporal"] == f"{HOST}:{environment['CADRE_PORT']}"
        assert up.said["Web UI"] == f"http://{HOST}:{environment['CADRE_UI_PORT']}"
        assert "simulator" in up.said["Models"]
        assert up.said["Sandbox"] in {"bubblewrap", "landlock"}
        started = pids(environment)
        assert up.end(number) == 0
        assert [pid for pid in started if not is_gone(pid)] == []
        assert port_is_free(int(environment["CADRE_PORT"]))


def test_what_others_are_told_while_it_runs(environment: dict[str, str], up: Up) -> None:
    again = run(environment, "up", "--simulate")
    assert_refused(again, f"already run on .*process {up.process.pid}")
    elsewhere = environment | {"CADRE_STATE_DIR": environment["HOME"] + "/other"}
    taken = run(elsewhere, "up", "--simulate")
    assert_refused(taken, f"port {environment['CADRE_PORT']} is taken")
    checks = json.loads(run(environment, "doctor", "--json").stdout)
    found = {check["name"]: (check["state"], check["found"]) for check in checks}
    assert found["Temporal"][0] == found["attributes"][0] == "ok"
    assert environment["CADRE_PORT"] in found["Temporal"][1]
    assert pids(environment)


def test_a_killed_server_comes_back_for_users(environment: dict[str, str], up: Up) -> None:
    server, *others = pids(environment)
    os.kill(server, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while pids(environment)[0] in {server, None}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert run(environment, "list").returncode == 0
    assert pids(environment)[1:] == others


def test_server_and_worker_run_alone(environment: dict[str, str]) -> None:
    keyed = environment | {"ANTHROPIC_API_KEY": CANARY}
    with (
        Up(environment, "server") as server,
        subprocess.Popen(
            [ROOT / "run", "worker"],
            env=keyed,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as worker,
    ):
        assert worker.stdout is not None
        line = worker.stdout.readline()
        worker.terminate()
        _, errors = worker.communicate(timeout=60)
        assert f"at {server.said['Temporal']}" in line, errors
        assert "Claude by ANTHROPIC_API_KEY" in line
        assert worker.returncode == 0, errors
        assert CANARY not in line + errors
        assert server.end(signal.SIGINT) == 0


def test_wrong_input_is_one_line_and_leaves_nothing(environment: dict[str, str]) -> None:
    state = Path(environment["CADRE_STATE_DIR"])
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_refused(
            run(environment, "up", "--simulate", "--port", port), f"port {port} is taken"
        )
    assert_refused(run(environment, "up", "--port", "70000"), "port")
    assert_refused(run(environment, "worker"), "no Temporal server runs")
    away = environment | {"TEMPORAL_ADDRESS": f"{HOST}:{free_port()}"}
    assert_refused(run(away, "worker"), "no Temporal server answers")
    assert_refused(run(away, "server"), "TEMPORAL_ADDRESS")
    nothing = run(environment, "up", "--scenario", "nothing.py")
    assert_refused(nothing, r"nothing\.py")
    left = {path.name for path in state.iterdir()} if state.exists() else set()
    assert "services.json" not in left


def test_without_credentials_up_says_what_to_do(environment: dict[str, str]) -> None:
    done = run(environment, "up")
    assert done.returncode != 0
    assert "--simulate" in done.stderr
    assert done.stderr.count("\n") == 1
    assert port_is_free(int(environment["CADRE_PORT"]))


def test_doctor_looks_without_leaving_anything_running(environment: dict[str, str]) -> None:
    done = run(environment, "doctor")
    assert done.returncode == 0, done.stdout
    assert "cadre up --simulate" in " ".join(done.stdout.split())
    nowhere = environment | {"CADRE_STATE_DIR": "/proc/nowhere"}
    failed = run(nowhere, "doctor", "--json")
    assert failed.returncode == 1
    checks = {check["name"]: check for check in json.loads(failed.stdout)}
    assert checks["state"]["state"] == "fail"
    assert "CADRE_STATE_DIR" in checks["state"]["advice"]


def test_nothing_is_imported_from_where_the_user_stands(
    environment: dict[str, str], tmp_path: Path
) -> None:
    trap = "raise SystemExit('code of the current directory was run')\n"
    for name in ("starters", "cadre", "typer", "json"):
        (tmp_path / f"{name}.py").write_text(trap)
    done = subprocess.run(
        [ROOT / "run", "doctor", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
