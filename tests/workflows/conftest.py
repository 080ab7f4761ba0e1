"""A real server for the workflow tier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from cadre.runtime import devserver
from cadre.runtime.ports import free_port
from cadre.runtime.settings import Settings


@pytest.fixture(scope="session")
def server_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dev server for the whole session, on a loop of its own."""
    address: Future[str] = Future()
    stop: list[Callable[[], object]] = []

    async def serve(state: Path) -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(done.set))
        settings = Settings(state_dir=state, port=free_port(), ui_port=free_port())
        async with devserver.running(settings) as server:
            address.set_result(server.address)
            await done.wait()

    def main() -> None:
        try:
            asyncio.run(serve(tmp_path_factory.mktemp("server")))
        except BaseException as error:
            if not address.done():
                address.set_exception(error)
            raise

    thread = Thread(target=main)
    thread.start()
    yield address.result(timeout=60)
    stop[0]()
    thread.join()


@pytest.fixture
async def client(server_address: str) -> Client:
    return await Client.connect(server_address, data_converter=pydantic_data_converter)
