"""Services as real processes: kept running, recorded, ended with their supervisor."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cadre.domain.errors import CadreError
from cadre.runtime.client import connect
from cadre.runtime.locks import supervising
from cadre.runtime.ports import port_is_free
from cadre.runtime.processes import python_module, python_path
from cadre.runtime.record import RunningServices, read_services
from cadre.runtime.settings import Settings
from workers.processes import SIMULATED_KEY, Simulation
from workers.supervisor import supervised

CANARY = "sk-ant-canary-0123456789"
DEADLINE_SECONDS = 30.0


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.02)


def is_gone(pid: int | None) -> bool:
    assert pid is not None
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def environment_of(pid: int | None) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def restarted(settings: Settings, part: str, pid: int) -> RunningServices:
    """The record once `part` runs as another process."""

    def is_another() -> bool:
        services = read_services(settings)
        return services is not None and getattr(services, part) not in {None, pid}

    await eventually(is_another)
    services = read_services(settings)
    assert services is not None
    return services


async def test_a_killed_server_comes_back_with_its_runs(settings: Settings) -> None:
    async with supervised(settings, worker=False) as supervisor:
        client = await connect(settings)
        await client.start_workflow("nobody runs it", id="kept", task_queue="none")
        first = supervisor.services.server_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await restarted(settings, "server_pid", first)
        described = await client.get_workflow_handle("kept").describe()
        assert described.id == "kept"


async def test_it_leaves_nothing_when_it_ends(settings: Settings) -> None:
    async with supervised(settings, worker=False) as supervisor:
        services = supervisor.services
        assert read_services(settings) == services
        assert services.ready
    assert is_gone(services.server_pid)
    assert port_is_free(settings.port)
    assert read_services(settings) is None


async def test_a_second_one_is_told_who_holds_the_directory(settings: Settings) -> None:
    async with supervised(settings, worker=False):
        with pytest.raises(CadreError, match=f"process {os.getpid()}") as caught:
            async with supervised(settings, worker=False):
                pytest.fail("two supervisors on one state directory")
        assert "\n" not in caught.value.message
        assert read_services(settings) is not None


async def test_a_record_left_by_the_dead_does_not_count(settings: Settings) -> None:
    async with supervised(settings, worker=False):
        record = (settings.state_dir / "services.json").read_bytes()
    (settings.state_dir / "services.json").write_bytes(record)
    assert read_services(settings) is None
    with supervising(settings):  # another supervisor, which has written nothing yet
        (settings.state_dir / "services.json").write_bytes(
            record.replace(str(os.getpid()).encode(), b"1")
        )
        assert read_services(settings) is None


async def test_all_run_with_the_key_in_the_worker_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
    async with supervised(settings) as supervisor:
        services = supervisor.services
        assert all(CANARY.encode() in environment_of(pid) for pid in services.worker_pids)
        assert CANARY.encode() not in environment_of(services.server_pid)
        assert services.models == "Claude by ANTHROPIC_API_KEY"
        assert CANARY not in (settings.state_dir / "services.json").read_text()


async def test_simulated_services_never_see_the_key(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
    async with supervised(settings, simulation=Simulation(latency=0)) as supervisor:
        services = supervisor.services
        pids = (services.server_pid, services.simulator_pid, *services.worker_pids)
        assert all(CANARY.encode() not in environment_of(pid) for pid in pids)
        assert SIMULATED_KEY.encode() in environment_of(services.worker_pids[0])
    assert all(is_gone(pid) for pid in pids)


async def test_a_killed_simulator_is_started_again(settings: Settings) -> None:
    async with supervised(settings, simulation=Simulation()) as supervisor:
        first = supervisor.services.simulator_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        again = await restarted(settings, "simulator_pid", first)
        assert again.simulator_url == supervisor.services.simulator_url


async def test_without_credentials_it_refuses_in_one_line(settings: Settings) -> None:
    with pytest.raises(CadreError, match="ANTHROPIC_API_KEY") as caught:
        async with supervised(settings):
            pytest.fail("a worker without credentials")
    assert "\n" not in caught.value.message
    assert port_is_free(settings.port)
    assert read_services(settings) is None


async def test_a_bad_scenario_refuses_and_leaves_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    nothing = Simulation(scenario=str(tmp_path / "nothing.py"))
    with pytest.raises(CadreError, match=r"simulator .*nothing\.py") as caught:
        async with supervised(settings, simulation=nothing):
            pytest.fail("a simulator without a scenario")
    assert "\n" not in caught.value.message
    assert port_is_free(settings.port)


async def test_nothing_outlives_a_killed_supervisor(settings: Settings, tmp_path: Path) -> None:
    command = python_module("starters.cli", "up", "--simulate", "--processes", "2")
    environment = dict(os.environ) | settings.as_environment() | python_path()
    with (tmp_path / "up.log").open("w") as log:
        up = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        await eventually(
            lambda: (services := read_services(settings)) is not None and services.ready
        )
        services = read_services(settings)
        assert services is not None
        assert services.supervisor_pid == up.pid
    finally:
        up.kill()
        up.wait()
    pids = (services.server_pid, services.simulator_pid, *services.worker_pids)
    assert len(pids) == 4
    await eventually(lambda: all(is_gone(pid) for pid in pids))
    assert read_services(settings) is None
    async with supervised(settings, worker=False):  # and the directory is free again
        await connect(settings)
