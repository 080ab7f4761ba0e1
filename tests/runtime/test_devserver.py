"""The embedded server, for real: started, stopped, refused."""

import os
import socket
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime import devserver
from cadre.runtime.attributes import SEARCH_ATTRIBUTES, missing_search_attributes
from cadre.runtime.ports import HOST, free_port, port_is_free
from cadre.runtime.settings import Settings, load_settings

CANARY = "sk-ant-canary-0123456789"
DAY = 24 * 3600


async def test_it_serves_with_attributes_and_retention(settings: Settings) -> None:
    async with devserver.running(settings) as server:
        client = await Client.connect(server.address)
        assert await missing_search_attributes(client) == []
        for name in SEARCH_ATTRIBUTES:
            assert (await client.count_workflows(f"{name} IS NULL")).count == 0
        answer = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="default")
        )
        retention = answer.config.workflow_execution_retention_ttl.seconds
        assert retention == settings.retention_days * DAY
    assert server.process.returncode is not None
    assert port_is_free(settings.port)


async def test_its_database_outlives_it(settings: Settings) -> None:
    async with devserver.running(settings) as server:
        client = await Client.connect(server.address)
        handle = await client.start_workflow("nobody runs it", id="kept", task_queue="none")
    moved = settings.model_copy(update={"port": free_port(), "ui_port": free_port()})
    async with devserver.running(moved) as server:
        client = await Client.connect(server.address)
        described = await client.get_workflow_handle("kept").describe()
        assert described.run_id == handle.first_execution_run_id


async def test_no_key_reaches_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
    monkeypatch.setenv("SOME_OTHER_TOKEN", CANARY)
    async with devserver.running(settings) as server:
        environment = Path(f"/proc/{server.process.pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert CANARY.encode() not in environment


@pytest.mark.parametrize("name", ["port", "ui_port"])
async def test_a_taken_port_is_one_line_and_leaves_nothing(settings: Settings, name: str) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(CadreError) as caught:
            await devserver.start(settings.model_copy(update={name: number}))
    assert caught.value.kind is ErrorKind.WRONG_INPUT
    assert f"{number} is taken" in caught.value.message
    assert not settings.state_dir.exists()


async def test_a_server_whose_inner_port_was_taken_starts_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It draws the ports of its inner services; this one lost the first of them to another."""
    unlucky = tmp_path / "temporal"
    unlucky.write_text(
        f'#!/bin/sh\n[ -e {tmp_path}/tried ] && exec {devserver.temporal_binary()} "$@"\n'
        f"touch {tmp_path}/tried\necho 'listen tcp: bind: address already in use'\nexit 1\n"
    )
    unlucky.chmod(0o755)
    monkeypatch.setattr(devserver, "temporal_binary", lambda: unlucky)
    async with devserver.running(settings) as server:
        client = await Client.connect(server.address)
        assert await missing_search_attributes(client) == []
    assert "already in use" in (settings.state_dir / "server.log.1").read_text()


async def test_a_server_that_dies_at_its_start_says_why(settings: Settings) -> None:
    settings.state_dir.mkdir()
    (settings.state_dir / "temporal.db").write_text("this is no database, " * 100)
    with pytest.raises(CadreError, match=r"does not start: .*database") as caught:
        await devserver.start(settings)
    assert "\n" not in caught.value.message
    assert port_is_free(settings.port)


async def test_a_state_directory_that_cannot_be_made_is_named(
    plain_env: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    settings = load_settings(state_dir=tmp_path / "file" / "state", port=free_port())
    with pytest.raises(CadreError, match=r"state directory .*Not a directory"):
        await devserver.start(settings.model_copy(update={"ui_port": free_port()}))


def test_the_binary_is_the_wheels() -> None:
    binary = devserver.temporal_binary()
    assert binary is not None
    assert os.access(binary, os.X_OK)
