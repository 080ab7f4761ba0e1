"""A tool call's input, as the model gave it, and its result, which is kept once."""

from __future__ import annotations

from activities.asking import Asking
from activities.transcripts import Transcripts
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.render import cell
from cadre.domain.turns import ToolCall, ToolResult
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import ToolOutput

PREVIEW_CHARS = 200


class Calls:
    """Tool calls in the object store."""

    def __init__(self, objects: Objects, transcripts: Transcripts) -> None:
        self._objects = objects
        self._transcripts = transcripts
        self.asking = Asking(objects)

    async def given(self, call: ToolCall) -> tuple[object, str | None]:
        """The input that the model gave, or what is wrong with the call."""
        if call.use.name not in call.tools:
            return None, f"There is no tool {call.use.name}. You have: {', '.join(call.tools)}."
        segment = await self._transcripts.segment(call.run, call.agent_id, call.turn)
        if segment is None:
            where = f"turn {call.turn} of {call.run}/{call.agent_id}"
            raise CadreError(ErrorKind.WRONG_INPUT, f"{where} is not in the object store")
        if call.use.id in segment.invalid_inputs:
            return None, "The tool's input is not a JSON object. Call it again."
        block = next(block for block in segment.assistant if block.get("id") == call.use.id)
        return block["input"], None

    async def result(self, call: ToolCall) -> ToolResult | None:
        """What is kept of the call, if anything."""
        stored = await self._objects.get_json(_key(call))
        return None if stored is None else ToolResult.model_validate(stored["result"])

    async def keep(
        self, call: ToolCall, output: ToolOutput, snapshot: str, seconds: float
    ) -> ToolResult:
        """Keep how the call ended. Where an attempt that was thought dead was quicker, what it did
        counts, and this did not happen."""
        result = ToolResult(
            use_id=call.use.id,
            is_error=output.is_error,
            invalid=output.invalid,
            denied=output.denied,
            preview=cell(output.content, PREVIEW_CHARS),
            snapshot=snapshot,
            seconds=round(seconds, 3),
        )
        kept = {
            "content": output.content,
            "is_error": output.is_error,
            "denied": output.denied,
            "decision": call.decision and call.decision.model_dump(mode="json"),
            "result": result.model_dump(mode="json"),
        }
        if await self._objects.put_new_json(_key(call), kept):
            return result
        quicker = await self.result(call)
        assert quicker is not None  # noqa: S101 (it is there, and nothing removes it)
        return quicker


def _key(call: ToolCall) -> str:
    return keys.tool_result(call.run, call.agent_id, call.turn, call.use.id)
