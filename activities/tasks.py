"""The tool Task: what it asks for, and what the asker is told."""

from __future__ import annotations

from pydantic import ValidationError
from temporalio import activity

from activities.calls import Calls
from activities.errors import cadre_errors
from activities.heartbeat import beating
from activities.tools import waits
from cadre.domain.agents import TASK, Agent
from cadre.domain.delegation import Delegated, Delegation, Refused, Wanted
from cadre.domain.outcomes import AgentState
from cadre.domain.rules import Request
from cadre.domain.turns import ToolAsks, ToolCall, ToolResult
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import ToolOutput
from cadre.tools.task import TaskInput


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
        return Wanted(agent=Agent.model_validate(stored), task=asked.prompt)

    @activity.defn(name="task.answer")
    @cadre_errors
    async def answer(self, delegated: Delegated) -> ToolResult:
        """Keep what the sub-agent answered as the call's result; an end without an answer is an
        error that says what there is."""
        call, ended = delegated.call, delegated.ended
        async with beating():
            if ended.state is AgentState.REPORTED:
                output = ToolOutput(str((ended.report or {}).get("answer", "")))
            else:
                left = " What it changed is in the workspace." if _changed(delegated) else ""
                said = f" It said last: {ended.said}" if ended.said else ""
                output = ToolOutput(f"No answer: {delegated.words}.{left}{said}", is_error=True)
            return await self._calls.keep(call, output, ended.snapshot, 0)


def _invalid(problem: str) -> ToolOutput:
    text = f"The input of {TASK} is not valid: {problem}. Nothing was started."
    return ToolOutput(text, is_error=True, invalid=True)


def _changed(delegated: Delegated) -> bool:
    return delegated.ended.snapshot != delegated.call.snapshot
