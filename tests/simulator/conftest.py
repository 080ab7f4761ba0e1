from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
import pytest

from cadre.simulator.app import Options
from cadre.simulator.conversation import Conversation
from cadre.simulator.faults import FaultPlan
from cadre.simulator.scenario import Answer, Say, answer
from cadre.simulator.server import Simulator, running

HEADERS = {"x-api-key": "test-key", "anthropic-version": "2023-06-01"}
Start = Callable[..., Awaitable[Simulator]]


@dataclass
class Scripted:
    """A scenario from a function."""

    script: Callable[[Conversation], Answer] = lambda c: answer(Say("Hello there."))
    faults: FaultPlan = field(default_factory=FaultPlan)

    def answer(self, conversation: Conversation) -> Answer:
        return self.script(conversation)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts simulators that end with the test."""
    async with AsyncExitStack() as stack:

        async def begin(
            script: Callable[[Conversation], Answer] | None = None, **options: Any
        ) -> Simulator:
            scenario = Scripted(script) if script else Scripted()
            return await stack.enter_async_context(running(scenario, options=Options(**options)))

        yield begin


@pytest.fixture
async def http() -> AsyncIterator[Callable[[Simulator], httpx2.AsyncClient]]:
    """Raw HTTP clients to simulators."""
    async with AsyncExitStack() as stack:

        def connect(simulator: Simulator) -> httpx2.AsyncClient:
            client = httpx2.AsyncClient(base_url=simulator.base_url, headers=HEADERS, timeout=10)
            stack.push_async_callback(client.aclose)
            return client

        yield connect


@pytest.fixture
async def client() -> AsyncIterator[Callable[[Simulator], anthropic.AsyncAnthropic]]:
    """SDK clients to simulators."""
    async with AsyncExitStack() as stack:

        def connect(simulator: Simulator) -> anthropic.AsyncAnthropic:
            made = anthropic.AsyncAnthropic(
                base_url=simulator.base_url, api_key="test-key", max_retries=0, timeout=10
            )
            stack.push_async_callback(made.close)
            return made

        yield connect


def tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    return {"name": name, "description": f"Does {name}.", "input_schema": schema}


def system(agent_id: str = "builder.1", role: str = "builder") -> str:
    return f'You are the agent "{agent_id}" in the role "{role}".\n\nMore words.'
