"""Deliveries: a person's commits in, the approved commit out, each effect at most once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from temporalio import activity

from activities.commands import run_command
from activities.errors import cadre_errors
from activities.heartbeat import beating
from activities.pushes import Reach, look, push_words
from cadre.domain.deliveries import (
    MAX_TAIL_CHARS,
    DeliveryKind,
    DeliveryLine,
    DeliveryPlan,
    DeliveryState,
    MakeDelivery,
    MergeInto,
    MoveBranch,
    Moved,
    PlanDeliveries,
    ReadyMerge,
    TakeCommits,
    Taken,
)
from cadre.domain.errors import CadreError, ErrorKind
from cadre.storage import keys
from cadre.storage.objects import Objects
from cadre.tools.workspace.gitcommand import operators_environment
from cadre.tools.workspace.handover import Handover


@dataclass(frozen=True)
class Means:
    """How the operator has things delivered: `commands` by their names, for the shell; whether the
    repository's hooks run at a push; and for how long a delivery may take."""

    commands: Mapping[str, str]
    hooks: bool
    seconds: float


class DeliveryActivities:
    """Deliveries to and from the users' repositories, as the operator and outside the sandbox."""

    def __init__(self, handover: Handover, objects: Objects, means: Means) -> None:
        self._handover = handover
        self._objects = objects
        self._means = means

    @activity.defn(name="delivery.plan")
    @cadre_errors
    async def plan(self, request: PlanDeliveries) -> DeliveryPlan:
        """Find out what stands against deliveries."""
        async with beating():
            return await self._handover.plan(request, frozenset(self._means.commands))

    @activity.defn(name="delivery.take")
    @cadre_errors
    async def take(self, request: TakeCommits) -> Taken:
        """Bring in what a person committed on the run's branch."""
        async with beating():
            return await self._handover.take(request)

    @activity.defn(name="delivery.prepare_merge")
    @cadre_errors
    async def prepare_merge(self, request: MergeInto) -> ReadyMerge:
        """Merge into a branch of the user's, in the run's repository; conflicts are a result."""
        async with beating():
            return await self._handover.prepare(request)

    @activity.defn(name="delivery.move_branch")
    @cadre_errors
    async def move_branch(self, request: MoveBranch) -> Moved:
        """Let a branch of the user's go forward; can be repeated.

        It is quick and cannot be stopped half-way, so it is waited for also where the run is
        cancelled meanwhile: how it ended is known then.
        """
        async with beating():
            moving = asyncio.ensure_future(self._handover.move(request))
            try:
                return await asyncio.shield(moving)
            except asyncio.CancelledError:
                return await moving

    @activity.defn(name="delivery.make")
    @cadre_errors
    async def make(self, request: MakeDelivery) -> DeliveryLine:
        """Push, or run a command; may be tried once, and a failure is a result.

        That it begins is stored first, then how it ended: after a death in between nobody knows.
        """
        async with beating():
            if not await self._objects.put_new(_begun(request), "made"):
                raise CadreError(ErrorKind.DELIVERY, f"{request.name} was begun before")
            try:
                line = await self._make(request)
            except asyncio.CancelledError:
                why = "it was stopped in the middle and may have taken effect"
                await self._keep(request, await self._known(request, _unknown(request, why)))
                raise
            await self._keep(request, line)
            return line

    @activity.defn(name="delivery.settle")
    @cadre_errors
    async def settle(self, request: MakeDelivery) -> DeliveryLine:
        """What is known of a delivery whose maker did not answer.

        One that was not begun cannot begin any more after this; it was not tried.
        """
        async with beating():
            given_up = await self._objects.put_new(_begun(request), "given up")
            ended = await self._objects.get(_ended(request))
            if given_up or (
                ended is None and await self._objects.get(_begun(request)) == b"given up"
            ):
                return DeliveryLine(target=str(request.target), commit=request.commit)
            if ended is not None:
                return await self._known(request, DeliveryLine.model_validate_json(ended))
            why = "it was begun, and the worker that did it was lost; it may have taken effect"
            return await self._known(request, _unknown(request, why))

    async def _make(self, request: MakeDelivery) -> DeliveryLine:
        line = DeliveryLine(
            target=str(request.target), state=DeliveryState.FAILED, commit=request.commit
        )
        words = self._words(request)
        if words is None:
            why = f"the worker's setting delivery_commands names no command {request.target.name}"
            return line.model_copy(update={"why": why})
        environment = operators_environment(os.environ) | request.environment()
        status, text = await run_command(words, request.repo, environment, self._means.seconds)
        key = keys.output(request.run, request.name)
        await self._objects.put(key, text)
        if status == 0:
            told: dict[str, object] = {"state": DeliveryState.DONE}
        elif status is None:
            told = {"state": DeliveryState.UNKNOWN, "why": self._overdue(text)}
        else:
            told = {"why": f"exit status {status}: {text.strip()[-MAX_TAIL_CHARS:]}"}
        line = line.model_copy(update={**told, "output_key": key})
        # Also a failure may be one of a push that was there already, from an earlier attempt.
        known = await self._known(request, line)
        return known if known.state is DeliveryState.DONE else line

    async def _known(self, request: MakeDelivery, line: DeliveryLine) -> DeliveryLine:
        """The line of a delivery, with what the remote knows of it where it is a push that did not
        end well."""
        if request.target.kind is not DeliveryKind.PUSH or line.settled:
            return line
        reach = await look(request)
        if reach is Reach.THERE:
            return line.model_copy(update={"state": DeliveryState.DONE, "why": ""})
        if reach is Reach.ABSENT and line.state is DeliveryState.UNKNOWN:
            why = f"{line.why}; {request.target.name} did not have it then"
            return line.model_copy(update={"absent": True, "why": why})
        return line

    async def _keep(self, request: MakeDelivery, line: DeliveryLine) -> None:
        await self._objects.put(_ended(request), line.model_dump_json())

    def _words(self, request: MakeDelivery) -> list[str] | None:
        target = request.target
        if target.kind is DeliveryKind.PUSH:
            return push_words(request, hooks=self._means.hooks)
        command = self._means.commands.get(target.name)
        return None if command is None else ["/bin/sh", "-c", command]

    def _overdue(self, text: str) -> str:
        tail = text.strip()[-MAX_TAIL_CHARS:]
        return f"it was stopped after {self._means.seconds:g} s and may have taken effect: {tail}"


def _unknown(request: MakeDelivery, why: str) -> DeliveryLine:
    return DeliveryLine(
        target=str(request.target), commit=request.commit, state=DeliveryState.UNKNOWN, why=why
    )


def _begun(request: MakeDelivery) -> str:
    return keys.delivery(request.run, f"{request.name}.begun")


def _ended(request: MakeDelivery) -> str:
    return keys.delivery(request.run, f"{request.name}.ended")
