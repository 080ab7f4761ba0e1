"""What waits for people, where they look: the search attribute, and for an agent its run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from cadre.domain.decisions import Question
from cadre.domain.waiting import AgentAsks
from workflows import gateway
from workflows.ends import cancelled

WAITING = SearchAttributeKey.for_keyword("CadreWaiting")
# A message is a handful of events in the run's history, which holds 51,200 of them and 10,000
# messages: with as many agents as a run may have, this takes half of the messages.
MAX_MESSAGES = 80


class WaitingAttribute:
    """The search attribute that says what waits; it is there only while something does."""

    def __init__(self) -> None:
        self._line = ""

    def show(self, line: str) -> None:
        """Set it, where it says something else."""
        if line == self._line:
            return
        self._line = line
        value = WAITING.value_set(line) if line else WAITING.value_unset()
        workflow.upsert_search_attributes([value])


class Telling:
    """Tells a run what one of its agents asks: what it asks last, and one message after the other,
    because nobody keeps two in their order. An agent that asks very often is silent in the end; its
    questions stand on its own page and in `cadre approvals` all the same."""

    def __init__(self, run: str, agent_id: str) -> None:
        self._run = run
        self._told = self._latest = AgentAsks(agent_id=agent_id, run_id=workflow.info().run_id)
        self._task: asyncio.Task[None] | None = None
        self._left = MAX_MESSAGES

    def tell(self, questions: Sequence[Question]) -> None:
        """Have the run told, beside all else."""
        self._latest = self._told.now(questions if self._left > 1 else ())
        if self._task is None and self._latest != self._told:
            self._task = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while self._latest != self._told:
            self._told = self._latest
            self._left -= 1
            await gateway.tell_run(self._run, self._told)
        self._task = None

    async def told(self) -> None:
        """Wait until the run knows, also where the agent is asked to end meanwhile."""
        if self._task is None:
            return
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if not cancelled():
                raise  # evicted from the worker's cache
            if self._task is not None:
                await self._task
