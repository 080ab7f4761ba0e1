"""The simulator as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anthropic
import pytest

SCENARIO = """
from cadre.simulator.scenario import Say, answer

class Mine:
    def answer(self, conversation):
        return answer(Say("from a file"))

scenario = Mine()
"""
Launch = Callable[..., Awaitable[Process]]


@pytest.fixture
async def launch() -> AsyncIterator[Launch]:
    async with AsyncExitStack() as stack:

        async def run(*arguments: Any, **env: str) -> Process:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "cadre.simulator",
                *map(str, arguments),
                stdout=PIPE,
                stderr=PIPE,
                env={**os.environ, **env},
            )

            async def end() -> None:
                if process.returncode is None:
                    process.kill()
                await process.communicate()

            stack.push_async_callback(end)
            return process

        yield run


async def address(process: Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    prefix, _, base_url = line.decode().strip().rpartition(" ")
    assert prefix == "simulator listening on"
    return base_url


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serves_until_a_signal(launch: Launch, tmp_path: Path, number: int) -> None:
    (tmp_path / "mine.py").write_text(SCENARIO)
    port = tmp_path / "port"
    process = await launch("--scenario", tmp_path / "mine.py", "--port-file", port, "--port", 0)
    base_url = await address(process)
    assert base_url == f"http://127.0.0.1:{port.read_text()}"
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key="k", max_retries=0) as sdk:
        message = await sdk.messages.create(
            model="claude-haiku-5-5", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
        process.send_signal(number)
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert message.content[0].text == "from a file"  # type: ignore[union-attr]
    assert (process.returncode, errors) == (0, b"")


async def test_ends_in_the_middle_of_a_stall(launch: Launch) -> None:
    faults = '{"faults": [{"kind": "stall", "call": 1}]}'
    process = await launch("--faults", faults)
    base_url = await address(process)
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key="k", max_retries=0) as sdk:
        stream = await sdk.messages.create(
            model="claude-haiku-5-5",
            max_tokens=9,
            messages=[{"role": "user", "content": "x"}],
            stream=True,
        )
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
        await stream.close()
    assert process.returncode == 0


async def test_a_key_by_the_environment(launch: Launch) -> None:
    process = await launch("--key-env", "THE_KEY", THE_KEY="right")
    base_url = await address(process)
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key="wrong", max_retries=0) as sdk:
        with pytest.raises(anthropic.AuthenticationError):
            await sdk.models.list()
        assert (await sdk.with_options(api_key="right").models.list()).data


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario", "nowhere.py"], "no such file"),
        (["--scenario", "cadre.simulator.demo:none"], "no none"),
        (["--latency", "-1"], "--latency"),
        (["--stream-seconds", "-1"], "--stream-seconds"),
        (["--faults", "nowhere.json"], "no fault plan"),
        (["--port", "70000"], "cannot listen"),
        (["--key-env", "NO_SUCH_VARIABLE_HERE"], "NO_SUCH_VARIABLE_HERE"),
    ],
)
async def test_wrong_input_is_one_line_and_status_2(
    launch: Launch, arguments: list[str], words: str
) -> None:
    process = await launch(*arguments)
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert output == b""
    assert words in errors.decode()
    assert errors.count(b"\n") == 1


async def test_a_taken_port_is_wrong_input(launch: Launch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = await launch("--port", taken.getsockname()[1])
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert "cannot listen" in errors.decode()
