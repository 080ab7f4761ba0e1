"""Services that several commands use, one of which started them."""

import asyncio
import socket

import pytest

from cadre.domain.errors import CadreError
from cadre.runtime.client import connect
from cadre.runtime.locks import supervising
from cadre.runtime.ports import HOST, port_is_free
from cadre.runtime.record import read_services
from cadre.runtime.settings import Settings
from workers.processes import Simulation
from workers.shared import services

SIMULATION = Simulation(latency=0)


async def test_two_at_once_share_one_set_until_both_are_done(settings: Settings) -> None:
    both_inside = asyncio.Barrier(2)
    first_has_left = asyncio.Event()

    async def first() -> int | None:
        async with services(settings, simulation=SIMULATION) as running:
            await both_inside.wait()
            first_has_left.set()
        return running.server_pid

    async def second() -> int | None:
        async with services(settings, simulation=SIMULATION) as running:
            await both_inside.wait()
            await first_has_left.wait()
            client = await connect(settings)
            assert (await client.count_workflows()).count == 0
        return running.server_pid

    one, other = await asyncio.gather(first(), second())
    assert one == other
    assert read_services(settings) is None
    assert port_is_free(settings.port)


async def test_a_taken_port_is_replaced(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        moved = settings.model_copy(update={"port": port})
        async with services(moved, simulation=SIMULATION) as running:
            assert running.address != f"{HOST}:{port}"
            await connect(moved)


async def test_what_cannot_start_is_said_and_the_next_one_may_try(settings: Settings) -> None:
    wrong = Simulation(scenario="nowhere:nothing")
    with pytest.raises(CadreError, match="nowhere"):
        async with services(settings, simulation=wrong):
            pytest.fail("a simulator without a scenario")
    async with services(settings, simulation=SIMULATION) as running:
        assert running.ready


async def test_a_holder_that_never_gets_ready_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.shared.WAIT_SECONDS", 0.2)
    with supervising(settings), pytest.raises(CadreError, match="do not get ready"):
        async with services(settings, simulation=SIMULATION):
            pytest.fail("services that nobody started")
