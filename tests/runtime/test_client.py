"""Which Temporal service a client goes to, and what is said where none answers."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime import devserver
from cadre.runtime.client import connect, external_service
from cadre.runtime.locks import supervising
from cadre.runtime.ports import HOST, free_port
from cadre.runtime.record import RunningServices, write_services
from cadre.runtime.settings import Settings


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something listens there and never says a word."""
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen()
        yield silent.getsockname()[1]


async def test_the_recorded_server_is_found(settings: Settings) -> None:
    async with devserver.running(settings) as server:
        with supervising(settings):
            services = RunningServices(supervisor_pid=os.getpid(), address=server.address)
            write_services(settings, services)
            client = await connect(settings)
            assert client.service_client.config.target_host == server.address
        with pytest.raises(CadreError, match="cadre up"):  # its supervisor is gone
            await connect(settings)


async def test_an_address_beats_the_embedded_server(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with devserver.running(settings) as server:
        monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
        client = await connect(settings)
        assert client.service_client.config.target_host == server.address
        assert client.namespace == "default"


async def test_a_profile_counts_only_when_it_is_named(
    settings: Settings, plain_env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plain_env / ".config/temporalio/temporal.toml"
    file.parent.mkdir(parents=True)
    async with devserver.running(settings) as server:
        text = "".join(
            f'[profile.{name}]\naddress = "{server.address}"\nnamespace = "default"\n'
            for name in ("default", "mine")
        )
        file.write_text(text)
        assert not external_service()
        with pytest.raises(CadreError, match="cadre up"):
            await connect(settings)
        monkeypatch.setenv("TEMPORAL_PROFILE", "mine")
        client = await connect(settings)
        assert client.service_client.config.target_host == server.address
        monkeypatch.setenv("TEMPORAL_PROFILE", "nobody's")
        with pytest.raises(CadreError, match="nobody's"):
            await connect(settings)


async def test_an_address_alone_takes_nothing_from_a_profile(
    settings: Settings, plain_env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plain_env / ".config/temporalio/temporal.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[profile.default]\nnamespace = "other"\napi_key = "secret-of-the-profile"\n')
    async with devserver.running(settings) as server:
        monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
        client = await connect(settings)
        assert client.namespace == "default"
        assert client.service_client.config.api_key is None


async def test_a_closed_port_is_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")
    await refused(settings, "connection refused")


async def test_a_server_that_never_answers_is_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    monkeypatch.setattr("cadre.runtime.client.CONNECT_SECONDS", 0.5)
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{silent_port}")
    await refused(settings, "within 0.5 s")


async def refused(settings: Settings, why: str) -> None:
    with pytest.raises(CadreError) as caught:
        await connect(settings)
    assert caught.value.kind is ErrorKind.WRONG_INPUT
    assert "no Temporal server answers at 127.0.0.1:" in caught.value.message
    assert why in caught.value.message
    assert "\n" not in caught.value.message
