"""The floor: the least code that runs the same agent loop on Temporal.

Its transcripts lie in the worker's memory, so nothing of it survives a crash. It has no budget,
no heartbeats, no checks of what the model says. What Cadre costs beyond it is Cadre's price.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

from benchmarks.floor_types import Crowd, ModelInput, ModelOutput, Task, ToolInput

with workflow.unsafe.imports_passed_through():
    import httpx2

TIMEOUT = timedelta(minutes=5)


@workflow.defn(name="floor")
class Floor:
    """Model call, tool calls, model call …, until there is a report."""

    @workflow.run
    async def run(self, task: Task) -> str:
        call = ModelInput(agent=task.agent, task=task.task)
        while True:
            answer = await workflow.execute_activity(
                "floor.model", call, result_type=ModelOutput, start_to_close_timeout=TIMEOUT
            )
            if not answer.uses:
                return str(answer.report)
            for use in answer.uses:
                await workflow.execute_activity(
                    "floor.tool",
                    ToolInput(agent=task.agent, use=use),
                    start_to_close_timeout=TIMEOUT,
                )
            call = ModelInput(agent=task.agent, results=answer.uses)


@workflow.defn(name="floor-fan-out")
class FloorFanOut:
    """Many agents at once."""

    @workflow.run
    async def run(self, crowd: Crowd) -> list[str]:
        queues = crowd.queues
        return await asyncio.gather(
            *(
                workflow.execute_child_workflow(
                    Floor.run, task, id=task.agent, task_queue=queues[number % len(queues)]
                )
                for number, task in enumerate(crowd.tasks)
            )
        )


class FloorActivities:
    """`request` is what all calls say beside their messages, the same as Cadre's."""

    def __init__(self, client: httpx2.AsyncClient, request: Mapping[str, Any]) -> None:
        self._client = client
        self._request = request
        self._messages: dict[str, list[dict[str, Any]]] = {}

    @activity.defn(name="floor.model")
    async def model(self, call: ModelInput) -> ModelOutput:
        messages = self._messages.setdefault(call.agent, [])
        said: list[dict[str, Any]] = [{"type": "text", "text": call.task}] if call.task else []
        said += [
            {"type": "tool_result", "tool_use_id": use, "content": "ok"} for use in call.results
        ]
        messages.append({"role": "user", "content": said})
        body = {**self._request, "messages": messages}
        async with self._client.stream("POST", "/v1/messages", json=body) as response:
            response.raise_for_status()
            blocks = await _blocks(response.aiter_lines())
        messages.append({"role": "assistant", "content": blocks})
        uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if not uses:
            del self._messages[call.agent]
        return ModelOutput(uses=uses, report="".join(block.get("text", "") for block in blocks))

    @activity.defn(name="floor.tool")
    async def tool(self, call: ToolInput) -> None:
        """Do nothing."""


async def _blocks(lines: AsyncIterator[str]) -> list[dict[str, Any]]:
    """The content blocks of a streamed answer."""
    blocks: list[dict[str, Any]] = []
    raw_input = ""
    async for line in lines:
        if not line.startswith("data: "):
            continue
        event = json.loads(line[6:])
        match event["type"]:
            case "content_block_start":
                blocks.append(event["content_block"])
                raw_input = ""
            case "content_block_delta":
                delta = event["delta"]
                if delta["type"] == "text_delta":
                    blocks[-1]["text"] += delta["text"]
                elif delta["type"] == "input_json_delta":
                    raw_input += delta["partial_json"]
            case "content_block_stop" if blocks[-1]["type"] == "tool_use":
                blocks[-1]["input"] = json.loads(raw_input)
    return blocks
