"""A worker of several processes, as real processes on a real server."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from temporalio.client import Client

from cadre.domain.errors import CadreError
from cadre.runtime.client import connect
from cadre.runtime.locks import claiming
from cadre.runtime.record import read_services
from cadre.runtime.settings import Settings
from starters.begin import polling_workers
from tests.e2e.harness import Home, until
from workers.processes import Simulation
from workers.supervisor import supervised

SIMULATION = Simulation(latency=0)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def variable(pid: int, name: str) -> str:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    [value] = [pair.partition(b"=")[2] for pair in pairs if pair.startswith(f"{name}=".encode())]
    return value.decode()


def pids(settings: Settings) -> tuple[int, ...]:
    services = read_services(settings)
    return services.worker_pids if services else ()


async def polling(client: Client, settings: Settings) -> set[int]:
    """The processes whose polls the server has seen."""
    names = await polling_workers(client, settings)
    return {int(name.split()[1].partition("@")[0]) for name in names}


async def test_all_poll_and_share_what_is_set_for_the_worker(settings: Settings) -> None:
    three = settings.model_copy(
        update={"processes": 3, "max_model_calls": 100, "max_tool_calls": 4}
    )
    async with supervised(three, simulation=SIMULATION) as supervisor:
        found = supervisor.services.worker_pids
        assert len(set(found)) == 3
        assert [variable(pid, "CADRE_MAX_MODEL_CALLS") for pid in found] == ["34", "33", "33"]
        assert [variable(pid, "CADRE_MAX_TOOL_CALLS") for pid in found] == ["2", "1", "1"]
        client = await connect(three)
        while await polling(client, three) != set(found):
            await asyncio.sleep(0.05)
    assert all(is_gone(pid) for pid in found)


async def test_one_that_is_killed_is_replaced_and_its_sibling_stays(settings: Settings) -> None:
    two = settings.model_copy(update={"processes": 2})
    async with supervised(two, simulation=SIMULATION) as supervisor:
        killed, sibling = supervisor.services.worker_pids
        os.kill(killed, signal.SIGKILL)

        def replaced() -> bool:
            now = pids(two)
            return len(now) == 2 and killed not in now

        await asyncio.to_thread(until, replaced, "another process")
        assert sibling in pids(two)


async def test_what_one_refuses_is_said_once_and_nothing_stays(settings: Settings) -> None:
    two = settings.model_copy(update={"processes": 2})
    with pytest.raises(CadreError, match="ANTHROPIC_API_KEY") as caught:
        async with supervised(two):
            pytest.fail("a worker without credentials")
    assert "\n" not in caught.value.message
    assert read_services(two) is None


def test_one_of_all_does_what_one_must(settings: Settings) -> None:
    with ExitStack() as others:
        with claiming(settings, "reaper") as first:
            second = others.enter_context(claiming(settings, "reaper"))
            other_task = others.enter_context(claiming(settings, "another"))
            assert (first(), second(), first(), second()) == (True, False, True, False)
            assert other_task()
        assert second(), "the first one has ended"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_alone_keeps_its_processes(tmp_path: Path, number: signal.Signals) -> None:
    home = Home(tmp_path)
    with home.serving("server"):
        key = {"ANTHROPIC_API_KEY": "simulated", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
        worker = home.start("worker", "--processes", "2", **key)
        assert worker.stdout is not None
        try:
            line = worker.stdout.readline()
            assert "2 processes: " in line, line
            listed = line.partition("2 processes: ")[2].partition(")")[0]
            found = [int(pid) for pid in listed.split(", ")]
            os.kill(found[0], signal.SIGKILL)
            children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")

            def again() -> set[int]:
                now = {int(pid) for pid in children.read_text().split()}
                return now if len(now) == 2 and found[0] not in now else set()

            now = until(again, "another process")
            assert found[1] in now
        finally:
            worker.send_signal(number)
            rest, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, rest
        assert all(is_gone(pid) for pid in now)


def test_wrong_numbers_are_one_line(tmp_path: Path) -> None:
    home = Home(tmp_path, CADRE_MAX_TOOL_CALLS="2")
    for arguments, said in (
        (("up", "--simulate", "--processes", "3"), "max_tool_calls of 2"),
        (("worker", "--processes", "3"), "max_tool_calls of 2"),
        (("up", "--simulate", "--processes", "0"), "processes"),
    ):
        done = home.run(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
        assert said in done.stderr
