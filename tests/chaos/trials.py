"""Runs on a service that is at fault: what they came to, and what the service saw of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from cadre.domain.outcomes import AgentLine, RunResult
from cadre.domain.runs import TASK_QUEUE
from cadre.runtime.events import Event, events_so_far
from cadre.runtime.events.types import ModelAsked, Retried
from tests.chaos.scenarios.model_faults import Ailment
from tests.e2e.harness import git
from workflows.pipeline import PipelineInput

BUILDER = "builder.1"
Call = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """A run that ended: its result, its events, and every request for its model calls."""

    result: RunResult
    events: list[Event]
    calls: list[Call]

    @property
    def builder(self) -> AgentLine:
        """The builder's line in the run's result."""
        return next(line for line in self.result.agents if line.agent_id == BUILDER)

    def paid(self) -> int:
        """How many answers to the builder began, which is what the service bills."""
        return sum(call["paid"] for call in self.calls_of(BUILDER))

    def calls_of(self, agent_id: str) -> list[Call]:
        """The requests of one agent, oldest first."""
        return [call for call in self.calls if call["agent_id"] == agent_id]

    def waited(self, turn: int) -> timedelta:
        """From the builder's first asking for a turn to the start of its last attempt."""
        mine = [event for event in self.events if event.at.agent_id == BUILDER]
        asked = next(e for e in mine if isinstance(e, ModelAsked) and e.turn == turn)
        again = next(e for e in mine if isinstance(e, Retried) and e.at.time > asked.at.time)
        return again.at.time - asked.at.time

    def delivered(self, repo: Path) -> dict[str, str]:
        """The files that the run's branch adds to its base, with their content."""
        if self.result.delivery is None:
            return {}
        branch, base = self.result.delivery.branch, self.result.base
        names = git(repo, "diff", "--name-only", base, branch).splitlines()
        return {name: git(repo, "show", f"{branch}:{name}") for name in names}


class Clinic:
    """Starts runs on a server that is up, by its services' addresses."""

    def __init__(self, services: dict[str, Any], client: Client, repo: Path) -> None:
        self._simulator: str = services["simulator_url"]
        self.client = client
        self.repo = repo

    @classmethod
    async def open(cls, services: dict[str, Any], repo: Path) -> Clinic:
        """Connect to the services."""
        address = services["address"]
        client = await Client.connect(address, data_converter=pydantic_data_converter)
        return cls(services, client, repo)

    async def begin(self, run: str, task: str, **options: Any) -> WorkflowHandle[Any, RunResult]:
        """Start a run."""
        request = PipelineInput(run=run, task=task, repo=str(self.repo), **options)
        return await self.client.start_workflow(
            "pipeline", request, id=run, task_queue=TASK_QUEUE, result_type=RunResult
        )

    async def trial(self, ailment: Ailment, **options: Any) -> Trial:
        """Start a run with this ailment, named after it, and wait for its end."""
        handle = await self.begin(ailment.name, ailment.task, **options)
        result = await handle.result()
        events = await events_so_far(self.client, ailment.name, str(handle.result_run_id))
        return Trial(result, events, await self.calls(f'"name":"{ailment.name}"'))

    async def calls(self, words: str = "") -> list[Call]:
        """All requests so far of agents whose task holds these words."""
        journal = await self._http("requests")
        return [call for call in journal["requests"] if words in call["task"]]

    @asynccontextmanager
    async def outage(self, status: int, retry_after: float | None = None) -> AsyncIterator[None]:
        """Have every call refused while the block runs."""
        day = timedelta(days=1).total_seconds()
        body = {"seconds": day, "status": status, "retry_after": retry_after}
        await self._http("outage", body)
        try:
            yield
        finally:
            await self._http("outage", {"seconds": 0})

    async def _http(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self._simulator}/simulator/{path}", data=data)
        found: dict[str, Any] = await asyncio.to_thread(_read, request)
        return found


def _read(request: Request) -> Any:
    with urlopen(request) as response:
        return json.load(response)
