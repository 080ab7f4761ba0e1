"""Tool calls: each takes effect once, from a known snapshot to the next."""

from __future__ import annotations

import time
from dataclasses import dataclass

from temporalio import activity

from activities.calls import Calls
from activities.errors import cadre_errors
from activities.heartbeat import beating
from cadre.domain.permissions import Decision, Outcome
from cadre.domain.render import cell
from cadre.domain.rules import Request
from cadre.domain.turns import ToolAsks, ToolCall, ToolResult
from cadre.tools import hooks
from cadre.tools.registry import Toolbox, ToolContext, ToolOutput
from cadre.tools.sandbox import Sandbox
from cadre.tools.targets import request_of
from cadre.tools.workspace import Lease, RefusedError, View, Workspaces

# More attempts than there can be until a person is asked.
ATTEMPTS_BEFORE = 1_000_000


@dataclass(frozen=True)
class Ran:
    """A tool's output and the snapshot that it left."""

    output: ToolOutput
    snapshot: str


class ToolActivities:
    """Runs agents' tools in the sandbox, on the workspace that the call names."""

    def __init__(
        self,
        calls: Calls,
        workspaces: Workspaces,
        sandbox: Sandbox,
        tools: Toolbox | None = None,
    ) -> None:
        self._calls = calls
        self._asking = calls.asking
        self._workspaces = workspaces
        self._sandbox = sandbox
        self._tools = tools or Toolbox()

    @activity.defn(name="tool.run")
    @cadre_errors
    async def run(self, call: ToolCall) -> ToolResult:
        """Run a tool use, or return what an earlier attempt stored of it.

        An attempt that died before it stored its result took no effect: the next one starts from
        the same snapshot, in a directory of its own.
        """
        if (kept := await self._calls.result(call)) is not None:
            return kept
        started = time.monotonic()
        async with beating():
            ran = await self._ran(call)
            if isinstance(ran, ToolAsks):
                return waits(call, ran)
            seconds = time.monotonic() - started
            return await self._calls.keep(call, ran.output, ran.snapshot, seconds)

    async def _ran(self, call: ToolCall) -> Ran | ToolAsks:
        given, problem = await self._calls.given(call)
        if problem is not None:
            return Ran(ToolOutput(problem, is_error=True, invalid=True), call.snapshot)
        request = Request(call.use.name)
        if call.permissions.bind:
            view = await self._workspaces.view(call.workspace, call.snapshot)
            request = request_of(call.use.name, given, view.path, self._sandbox.path(view.path))
        against = await self._asking.against(call, given, _decision(call, request))
        if isinstance(against, ToolAsks):
            return against
        if against is not None:
            return Ran(against, call.snapshot)
        if call.use.read_only:
            view = await self._workspaces.view(call.workspace, call.snapshot)
            output = await self._run_tool(call, given, request, view)
            return output if isinstance(output, ToolAsks) else Ran(output, call.snapshot)
        return await self._change(call, given, request)

    async def _change(self, call: ToolCall, given: object, request: Request) -> Ran | ToolAsks:
        call_id, attempt = f"{call.agent_id}/{call.turn}/{call.use.id}", activity.info().attempt
        if call.decision is not None:  # attempts count anew then, and all are later ones
            attempt += ATTEMPTS_BEFORE
        lease = await self._workspaces.begin(call.workspace, call.snapshot, call_id, attempt)
        output = await self._run_tool(call, given, request, lease)
        # Not finished, so the next call rolls back what a hook did.
        if isinstance(output, ToolAsks):
            return output
        if output.denied:
            return Ran(output, call.snapshot)
        try:
            tree = await lease.snapshot()
        except RefusedError as refused:
            return Ran(undone(str(refused), output), call.snapshot)
        if (forbidden := await self._forbidden(call, tree)) is not None:
            return Ran(undone(forbidden, output, denied=True), call.snapshot)
        await lease.finish(tree)
        return Ran(output, tree)

    async def _run_tool(
        self, call: ToolCall, given: object, request: Request, view: View
    ) -> ToolOutput | ToolAsks:
        """The tool with the hooks around it, on the files of `view`; what to ask a person first,
        where a hook wants that and they have not answered yet."""
        context = ToolContext(
            sandbox=self._sandbox,
            workspace=view.path,
            writable=isinstance(view, Lease),
            mounts=view.mounts,
            env=view.env,
            on_start=view.started if isinstance(view, Lease) else None,
            unreadable=call.permissions.unreadable,
        )
        told = given if isinstance(given, dict) else {}
        session = f"{call.run}/{call.agent_id}"
        around = hooks.Around(call.permissions, request, session, call.use.id, told)
        before = await hooks.before(around, context)
        if before.against:
            return before.added_to(
                ToolOutput(f"Denied. {before.against}", is_error=True, denied=True)
            )
        if before.asks:
            wanted = Decision(Outcome.ASK, before.asks)
            if (against := await self._asking.against(call, given, wanted)) is not None:
                return before.added_to(against) if isinstance(against, ToolOutput) else against
        output = await self._tools.run(call.use.name, given, context)
        if output.is_error:
            return before.added_to(output)
        after = await hooks.after(around, context, output)
        return after.added_to(before.added_to(output))

    async def _forbidden(self, call: ToolCall, tree: str) -> str | None:
        """What a rule has against the files that a call changed, by whatever means it did."""
        if tree == call.snapshot or not call.permissions.guards_files:
            return None

        approved = call.decision is not None and call.decision.approved

        def forbids(path: str) -> str | None:
            why = call.permissions.forbids_change(path, approved=approved)
            return None if why is None else f"Denied: {cell(path, 200)} was changed, but {why}."

        return await self._workspaces.find_changed(call.workspace, call.snapshot, tree, forbids)


def _decision(call: ToolCall, request: Request) -> Decision:
    """What permissions say; a call that a person was asked about is theirs to allow."""
    decision = call.permissions.decide(request)
    if decision.outcome is Outcome.ALLOW and call.decision is not None:
        return Decision(Outcome.ASK)
    return decision


def waits(call: ToolCall, asks: ToolAsks) -> ToolResult:
    """A call that did nothing yet, since a person has to be asked. It is not kept: the next
    attempt has their decision."""
    return ToolResult(
        use_id=call.use.id,
        is_error=False,
        preview=cell(f"waits for a person: {asks.why}", 200),
        snapshot=call.snapshot,
        seconds=0.0,
        asks=asks,
    )


def undone(why: str, output: ToolOutput, *, denied: bool = False) -> ToolOutput:
    """What the model is told of a call whose lease is not finished, so the next rolls it back."""
    said = f"{why}\nEverything that this call did was undone.\n\n{output.content}"
    return ToolOutput(said, is_error=True, denied=denied)
