"""Agents whose workflow ended without a result: closed, and settled from the object store."""

from __future__ import annotations

import asyncio
from itertools import count

from temporalio import activity

from activities.attempts import AttemptLog, spent
from activities.errors import cadre_errors
from activities.heartbeat import beating
from activities.transcripts import Transcripts
from cadre.domain.agents import Agent
from cadre.domain.budget import Spent
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.outcomes import AgentLine, AgentResult, AgentState
from cadre.domain.settling import SettleAgent, Settled
from cadre.domain.turns import SettleTurn
from cadre.storage import keys
from cadre.storage.objects import Objects


class AgentSettling:
    """Tells from the attempts of an agent's turns what it used, and what its sub-agents did."""

    def __init__(self, objects: Objects, transcripts: Transcripts) -> None:
        self._objects = objects
        self._log = AttemptLog(objects)
        self._transcripts = transcripts

    @activity.defn(name="agent.settle")
    @cadre_errors
    async def settle(self, request: SettleAgent) -> Settled:
        """What they used at most. An attempt that is on its way is charged as if it were lost.

        They are closed first: what begins after that sees the mark, and what began before is read
        here.
        """
        run, agent_id = request.run, request.agent_id
        async with beating():
            await self._log.close_agent(run, agent_id)
            turns, used = await self._used(run, agent_id)
            helpers = tuple(await self._below(run, agent_id))
            return Settled(turns=turns, spent=used, helpers=helpers)

    async def _used(self, run: str, agent_id: str) -> tuple[int, Spent]:
        """How many turns were answered, and what all of them have cost."""
        used = Spent()
        for number in count(1):  # the turns have no gaps, and the one without an answer is the last
            turn = SettleTurn(run=run, agent_id=agent_id, turn=number)
            attempts = await self._log.read(turn)
            segment = await self._transcripts.segment(run, agent_id, number)
            used += spent(attempts, segment)
            if segment is None:
                return number - 1, used
            await asyncio.sleep(0)  # reading a long conversation in one go would hold the loop
        raise AssertionError("unreachable")

    async def _below(self, run: str, agent_id: str) -> list[AgentLine]:
        """The sub-agents that made a call, each with its own."""
        lines: list[AgentLine] = []
        for name in await self._objects.folders(keys.agent_prefix(run, agent_id)):
            kind, dot, _ = name.rpartition(".")
            if dot:  # else it holds what is the agent's own
                lines.append(await self._line(run, f"{agent_id}/{name}", kind))
                lines += await self._below(run, f"{agent_id}/{name}")
        return lines

    async def _line(self, run: str, agent_id: str, kind: str) -> AgentLine:
        stored = await self._objects.get_json(keys.helper(run, kind))
        if stored is None:
            raise CadreError(ErrorKind.WRONG_INPUT, f"{run} has no agent {kind} to ask for")
        agent = Agent.model_validate(stored)
        turns, used = await self._used(run, agent_id)
        state, why = AgentState.CANCELLED, "the agent that asked it has ended"
        kept = await self._objects.get_json(keys.ended(run, agent_id))
        if kept is not None:
            ended = AgentResult.model_validate(kept)
            if ended.turns == turns:
                state, why = ended.state, ended.why
        return AgentLine(
            agent_id=agent_id,
            state=state,
            model=agent.model.id,
            definition_sha256=agent.sha256,
            turns=turns,
            spent=used,
            why=why,
        )
