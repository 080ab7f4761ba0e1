"""What a turn says to the model, put together from the object store."""

from __future__ import annotations

import json

from cadre.domain.agents import AgentDefinition
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.turns import ModelCall, Opening
from cadre.llm.prompts import GO_ON, context_text, task_text
from cadre.llm.requests import make_frame, text, tool_result, user_message
from cadre.llm.segment import Block, Frame, Message, Segment
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import Toolbox
from cadre.tools.task import offered_to


async def load_frame(objects: Objects, call: ModelCall, tools: Toolbox) -> Frame:
    """What every request of the agent will share, from its frozen definition."""
    data = await _load(objects, call.agent.definition_key)
    definition = AgentDefinition.model_validate_json(data)
    schemas = offered_to(call.agent, tools.schemas(call.agent.tools))
    return make_frame(call.agent_id, call.agent, definition, schemas)


async def load_message(objects: Objects, call: ModelCall, last: Segment | None) -> Message | None:
    """The new message to the model, or None where the service itself goes on after `last`.

    Tool results come first, as the service demands, then the engine's own word.
    """
    blocks: list[Block] = []
    if call.opening is not None:
        blocks += await _opening(objects, call.opening)
    blocks += [await _tool_result(objects, call, use_id) for use_id in call.results]
    if call.remark:
        blocks.append(text(call.remark))
    if not blocks and not (last and last.awaits_service):
        blocks.append(text(GO_ON))  # current models take no conversation that ends in an answer
    return user_message(blocks)


async def _opening(objects: Objects, opening: Opening) -> list[Block]:
    items = [
        text(context_text(item.title, await _load(objects, item.key), trusted=item.trusted))
        for item in opening.context
    ]
    return [*items, text(task_text(opening.task))]


async def _tool_result(objects: Objects, call: ModelCall, use_id: str) -> Block:
    key = keys.tool_result(call.run, call.agent_id, call.turn - 1, use_id)
    result = json.loads(await _load(objects, key))
    return tool_result(use_id, result["content"], is_error=result["is_error"])


async def _load(objects: Objects, key: str) -> bytes:
    data = await objects.get(key)
    if data is None:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"{key} is not in the object store: does the worker use the store that the run was "
            "started with?",
        )
    return data
