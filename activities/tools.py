"""Tool calls: each takes effect once, from a known snapshot to the next."""

from __future__ import annotations

import time
from dataclasses import dataclass

from temporalio import activity

from activities.errors import cadre_errors
from activities.heartbeat import beating
from activities.transcripts import Transcripts
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.render import cell
from cadre.domain.turns import ToolCall, ToolResult
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.registry import ToolContext, ToolOutput, run_tool
from cadre.tools.sandbox import Sandbox
from cadre.tools.workspace import RefusedError, Workspaces

PREVIEW_CHARS = 200


@dataclass(frozen=True)
class Ran:
    """A tool's output and the snapshot that it left."""

    output: ToolOutput
    snapshot: str


class ToolActivities:
    """Runs agents' tools in the sandbox, on the workspace that the call names."""

    def __init__(
        self,
        objects: Objects,
        transcripts: Transcripts,
        workspaces: Workspaces,
        sandbox: Sandbox,
    ) -> None:
        self._objects = objects
        self._transcripts = transcripts
        self._workspaces = workspaces
        self._sandbox = sandbox

    @activity.defn(name="tool.run")
    @cadre_errors
    async def run(self, call: ToolCall) -> ToolResult:
        """Run a tool use, or return what an earlier attempt stored of it.

        An attempt that died before it stored its result took no effect: the next one starts from
        the same snapshot, in a directory of its own.
        """
        key = keys.tool_result(call.run, call.agent_id, call.turn, call.use.id)
        stored = await self._objects.get_json(key)
        if stored is not None:
            return ToolResult.model_validate(stored["result"])
        started = time.monotonic()
        async with beating():
            ran = await self._ran(call)
            output = ran.output
            result = ToolResult(
                use_id=call.use.id,
                is_error=output.is_error,
                invalid=output.invalid,
                preview=cell(output.content, PREVIEW_CHARS),
                snapshot=ran.snapshot,
                seconds=round(time.monotonic() - started, 3),
            )
            kept = {
                "content": output.content,
                "is_error": output.is_error,
                "result": result.model_dump(mode="json"),
            }
            if await self._objects.put_new_json(key, kept):
                return result
        # An attempt that was thought dead was quicker; what it did counts, and this did not happen.
        stored = await self._objects.get_json(key)
        return ToolResult.model_validate(stored["result"])

    async def _ran(self, call: ToolCall) -> Ran:
        request, problem = await self._request(call)
        if problem is not None:
            return Ran(ToolOutput(problem, is_error=True, invalid=True), call.snapshot)
        if call.use.read_only:
            return await self._look(call, request)
        return await self._change(call, request)

    async def _request(self, call: ToolCall) -> tuple[object, str | None]:
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

    async def _look(self, call: ToolCall, request: object) -> Ran:
        view = await self._workspaces.view(call.workspace, call.snapshot)
        context = ToolContext(
            sandbox=self._sandbox,
            workspace=view.path,
            writable=False,
            mounts=view.mounts,
            env=view.env,
        )
        return Ran(await run_tool(call.use.name, request, context), call.snapshot)

    async def _change(self, call: ToolCall, request: object) -> Ran:
        call_id, attempt = f"{call.agent_id}/{call.turn}/{call.use.id}", activity.info().attempt
        lease = await self._workspaces.begin(call.workspace, call.snapshot, call_id, attempt)
        context = ToolContext(
            sandbox=self._sandbox,
            workspace=lease.path,
            writable=True,
            mounts=lease.mounts,
            env=lease.env,
            on_start=lease.started,
        )
        output = await run_tool(call.use.name, request, context)
        try:
            tree = await lease.snapshot()
        except RefusedError as refused:  # not finished, so the next call rolls it back
            said = f"{refused}\nEverything that this call did was undone.\n\n{output.content}"
            return Ran(ToolOutput(said, is_error=True), call.snapshot)
        await lease.finish(tree)
        return Ran(output, tree)
