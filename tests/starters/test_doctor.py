"""`cadre doctor`: it names what a new user gets wrong, and what to do."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from cadre.runtime.ports import HOST, free_port
from starters.machine_checks import DAY_SECONDS, _clock, disk, file_system, proxy
from starters.outcome import State
from starters.service_checks import models
from tests.e2e.harness import Home, until

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
server:/x /home/with\\040space ext4 rw 0 0
"""


def doctor(home: Home) -> dict[str, dict[str, str]]:
    done = home.run("doctor", "--json")
    return {check["name"]: check for check in json.loads(done.stdout)}


def test_a_clock_that_is_behind_the_installation(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    installed = file.stat().st_mtime
    assert list(_clock(installed, file)) == []
    [check] = _clock(installed - 2 * DAY_SECONDS, file)
    assert (check.state, "set the clock" in check.advice) == (State.FAIL, True)


@pytest.mark.parametrize(
    ("free", "state"),
    [(50 * 1024**3, State.OK), (1024**3, State.WARN), (1024**2, State.FAIL)],
)
def test_room_on_the_disk(free: int, state: State) -> None:
    assert disk(free).state is state


def test_the_kind_of_file_system(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert file_system(Path("/var/lib"), mounts) == "ext4"
    assert file_system(Path("/home/somebody"), mounts) == "nfs4"
    assert file_system(Path("/home/with space/state"), mounts) == "ext4"
    assert file_system(Path("/"), tmp_path / "none") is None


def test_a_proxy_is_named_without_its_password() -> None:
    [check] = proxy({"HTTPS_PROXY": "http://user:secret@proxy.example:3128"})
    assert check.found == "model calls go through proxy.example (HTTPS_PROXY)"
    assert list(proxy({})) == []


def test_a_key_with_a_line_end_is_not_printed() -> None:
    checks = list(models({"ANTHROPIC_API_KEY": "sk-secret\n"}, None))
    assert checks[0].state is State.WARN
    assert "ANTHROPIC_API_KEY" in checks[0].found
    assert "secret" not in "".join(check.model_dump_json() for check in checks)
    assert [check.state for check in models({"ANTHROPIC_API_KEY": "sk-x"}, None)] == [State.OK]


def test_services_that_simulate_although_there_is_a_key(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.up("--simulate"):
        plain = doctor(home)
        keyed = doctor(Home(tmp_path, **home.environment, ANTHROPIC_API_KEY="sk-something"))
        here = home.run("doctor", "--worker")
    assert plain["models"]["state"] == "ok"
    assert "the simulator" in plain["models"]["found"]
    assert plain["worker"]["found"].startswith("cadre ")
    assert keyed["models"]["state"] == "warn"
    assert "without --simulate" in keyed["models"]["advice"]
    assert here.returncode == 0, here.stdout
    gone = home.run("doctor", "--worker")
    assert (gone.returncode, "no Temporal server runs" in " ".join(gone.stdout.split())) == (
        1,
        True,
    )


def test_services_that_were_killed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.up("--simulate") as services:
        os.kill(services["supervisor_pid"], signal.SIGKILL)
        until(lambda: doctor(home)["Temporal"]["found"].startswith("no server"), "their end")
        found = doctor(home)["services"]
    assert found["state"] == "warn"
    assert "cadre up" in found["advice"]


def test_a_port_that_somebody_else_has(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with socket.socket() as taken:
        taken.bind((HOST, int(home.environment["CADRE_UI_PORT"])))
        taken.listen()
        found = doctor(home)["ports"]
    assert found["state"] == "warn"
    assert "CADRE_UI_PORT" in found["advice"]


def test_a_service_that_does_not_answer_and_a_store_that_is_none(tmp_path: Path) -> None:
    home = Home(
        tmp_path, TEMPORAL_ADDRESS=f"{HOST}:{free_port()}", CADRE_STORE_URL="nonsense://bucket"
    )
    found = doctor(home)
    assert found["Temporal"]["state"] == found["store"]["state"] == "fail"
    assert "TEMPORAL_ADDRESS" in found["Temporal"]["found"]
    assert "CADRE_STORE_URL" in found["store"]["advice"]


def test_the_simulator_is_not_looked_for_behind_a_proxy(tmp_path: Path) -> None:
    nobody = f"http://{HOST}:{free_port()}"
    home = Home(tmp_path, HTTP_PROXY=nobody, http_proxy=nobody, ALL_PROXY=nobody)
    done = home.run("demo", "--simulate")
    assert "verdict  approved" in done.stdout, done.stdout + done.stderr
