"""The tool Task: what it asks for, and what the asker is told."""

from __future__ import annotations

import re

from pydantic import ValidationError
from temporalio import activity

from activities.calls import Calls
from activities.errors import cadre_errors
from activities.heartbeat import beating
from activities.tools import waits
from cadre.domain.agents import TASK, Agent
from cadre.domain.delegation import Delegated, Delegation, Refused, Wanted, told
from cadre.domain.outcomes import AgentResult, AgentState
from cadre.domain.rules import Request
from cadre.domain.turns import ToolAsks, ToolCall, ToolResult
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import ToolOutput
from cadre.tools.task import TaskInput

_RAN_OUT = (
    " It ran out of its share of your budget. With resume {0!r} it goes on where it stopped, with "
    "one more share of what you have left."
)


class TaskActivities:
    """Reads and answers calls of the tool Task; the workflow runs the sub-agent in between."""

    def __init__(self, objects: Objects, calls: Calls) -> None:
        self._objects = objects
        self._asking = calls.asking
        self._calls = calls

    @activity.defn(name="task.read")
    @cadre_errors
    async def read(self, call: ToolCall) -> Delegation:
        """The agent and the task that are asked for; else the call's result, which says why not."""
        async with beating():
            found = await self._wanted(call)
            if isinstance(found, ToolAsks):
                return Delegation(outcome=Refused(result=waits(call, found)))
            if isinstance(found, ToolOutput):
                kept = await self._calls.keep(call, found, call.snapshot, 0)
                return Delegation(outcome=Refused(result=kept))
            return Delegation(outcome=found)

    async def _wanted(self, call: ToolCall) -> Wanted | ToolOutput | ToolAsks:
        given, problem = await self._calls.given(call)
        if problem is not None:
            return _invalid(problem)
        asked_for = given.get("subagent_type") if isinstance(given, dict) else ""
        decision = call.permissions.decide(Request(call.use.name, agent=str(asked_for)))
        if (against := await self._asking.against(call, given, decision)) is not None:
            return against
        try:
            asked = TaskInput.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            return _invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        stored = await self._objects.get_json(keys.helper(call.run, asked.subagent_type))
        if stored is None:
            return _invalid(f"there is no agent {asked.subagent_type!r} to ask")
        agent = Agent.model_validate(stored)
        if asked.resume is None:
            return Wanted(agent=agent, task=asked.prompt)
        before = await self._ended(call, asked.subagent_type, asked.resume)
        if before is None:
            return _invalid(
                f"resume: no {asked.subagent_type} that you asked and that could go on has the ID "
                f"{asked.resume!r}"
            )
        return Wanted(agent=agent, task=asked.prompt, before=told(before, asked.prompt))

    async def _ended(self, call: ToolCall, name: str, agent_id: str) -> AgentResult | None:
        """How a sub-agent of the asker's ended, if it has that name and can go on."""
        if not re.fullmatch(rf"{re.escape(f'{call.agent_id}/{name}')}\.[0-9]{{1,6}}", agent_id):
            return None
        stored = await self._objects.get_json(keys.ended(call.run, agent_id))
        return None if stored is None else AgentResult.model_validate(stored)

    @activity.defn(name="task.answer")
    @cadre_errors
    async def answer(self, delegated: Delegated) -> ToolResult:
        """Keep what the sub-agent answered as the call's result; an end without an answer is an
        error that says what there is."""
        call, ended = delegated.call, delegated.ended
        async with beating():
            if delegated.can_go_on:
                kept = ended.model_dump(mode="json", exclude={"report"})
                await self._objects.put_json(keys.ended(call.run, ended.agent_id), kept)
            if ended.state is AgentState.REPORTED:
                output = ToolOutput(str((ended.report or {}).get("answer", "")))
            else:
                left = " What it changed is in the workspace." if _changed(delegated) else ""
                said = f" It said last: {ended.said}" if ended.said else ""
                further = _RAN_OUT.format(ended.agent_id) if _ran_out(delegated) else ""
                words = f"No answer: {delegated.words}.{left}{said}{further}"
                output = ToolOutput(words, is_error=True)
            return await self._calls.keep(call, output, ended.snapshot, 0)


def _invalid(problem: str) -> ToolOutput:
    text = f"The input of {TASK} is not valid: {problem}. Nothing was started."
    return ToolOutput(text, is_error=True, invalid=True)


def _ran_out(delegated: Delegated) -> bool:
    return delegated.can_go_on and delegated.ended.out_of_budget


def _changed(delegated: Delegated) -> bool:
    return delegated.ended.snapshot != delegated.call.snapshot
