"""What an event's line leaves out: the whole texts, tool inputs, results and outputs, as they lie
in the object store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from cadre.domain.deliveries import MAX_DELIVERIES, DeliveryLine, try_name
from cadre.domain.outcomes import RunResult
from cadre.domain.render import delivery_words
from cadre.domain.workspaces import CheckResult
from cadre.runtime.events import Event
from cadre.runtime.events import types as e
from cadre.runtime.events.words import words
from cadre.storage import keys
from cadre.storage.objects import Objects
from starters.console import clean, say
from starters.lines import line, told_json, told_line
from starters.view import RunView

# What of the Messages API's blocks is text, by their type.
TEXTS = {"text": "says", "thinking": "thinks"}


class Whole(NamedTuple):
    """One text, uncut, and what it is."""

    what: str
    text: str


class Store:
    """Reads what the events of one run name."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def whole(self, event: Event) -> list[Whole]:
        """All that belongs to an event; what is not in the store any more says so."""
        return [each async for each in self._of(event)]

    async def _of(self, event: Event) -> AsyncIterator[Whole]:
        match event:
            case e.ModelAnswered(key=key) if key:
                async for whole in self._turn(key):
                    yield whole
            case e.ToolFinished(key=key) if key:
                async for whole in self._tool(event):
                    yield whole
            case e.CheckFinished(result=result):
                async for whole in self._check(result):
                    yield whole
            case e.RunEnded(result=None):
                async for made in self._ended_deliveries(event.at.workflow):
                    yield Whole("delivery", delivery_words(made))
            case e.RunEnded(result=RunResult(deliveries=deliveries)):
                for made in deliveries:
                    async for whole in self._delivery(made):
                        yield whole

    async def _turn(self, key: str) -> AsyncIterator[Whole]:
        """What was said to the model and what it answered, short of tool results: each stands with
        the end of its call."""
        turn = await self._objects.get_json(key)
        if turn is None:
            yield missing("the turn", key)
            return
        if turn.get("frame"):
            yield Whole("system prompt", turn["frame"]["system"])
        for block in (turn["user"] or {}).get("content", []):
            if block.get("type") == "text":
                yield Whole("is told", block["text"])
        for block in turn["assistant"]:
            yield _answered(block, turn.get("invalid_inputs", {}))

    async def _tool(self, event: e.ToolFinished) -> AsyncIterator[Whole]:
        kept = await self._objects.get_json(event.key)
        if kept is None:
            yield missing("the result", event.key)
            return
        yield Whole("result", kept["content"])
        run, _, agent_id = event.at.workflow.partition("/")
        diff = await self._objects.get(keys.tool_change(run, agent_id, event.turn, event.use_id))
        if diff:
            yield Whole("change", diff.decode(errors="replace"))

    async def _check(self, result: CheckResult) -> AsyncIterator[Whole]:
        runs = (("output", result.as_is), ("output with the base's tests", result.with_base_tests))
        for what, ran in runs:
            if ran is not None and ran.output_key:
                yield await self._text(what, ran.output_key)

    async def _delivery(self, made: DeliveryLine) -> AsyncIterator[Whole]:
        if made.output_key:
            yield await self._text(f"output of {made.target}", made.output_key)

    async def _ended_deliveries(self, run: str) -> AsyncIterator[DeliveryLine]:
        """What is known of the last try of each delivery of a run that could not record it."""
        for number in range(1, MAX_DELIVERIES + 1):
            attempt, last = 1, None
            while kept := await self._objects.get(
                keys.delivery(run, f"{try_name(number, attempt)}.ended")
            ):
                attempt, last = attempt + 1, kept
            if last is None:
                return
            yield DeliveryLine.model_validate_json(last)

    async def _text(self, what: str, key: str) -> Whole:
        data = await self._objects.get(key)
        return missing(what, key) if data is None else Whole(what, data.decode(errors="replace"))


def missing(what: str, key: str) -> Whole:
    """What cannot be shown."""
    return Whole(what, f"({key} is not in the object store)")


def print_full(event: Event, view: RunView, whole: list[Whole]) -> None:
    """An event's line with the texts below it, indented, without what a terminal would obey. With
    texts, also an event has its line that has none otherwise."""
    shown = line(event, view.started)
    if shown is None and whole:
        turn = f"turn {event.turn}" if isinstance(event, e.ModelAnswered | e.ToolFinished) else ""
        who = event.at.agent_id or "run"
        shown = told_line(event.at.time, view.started, who, turn, words(event))
    if shown is not None:
        say(shown)
    for what, text in whole:
        say(f"    {clean(what)}:")
        for row in clean(text).split("\n"):
            say(f"      {row}")


def print_full_json(event: Event, view: RunView, whole: list[Whole]) -> None:
    """An event as `--json` prints it, with the texts besides, as `full`."""
    say(json.dumps({**told_json(event, view), "full": [each._asdict() for each in whole]}))


def _answered(block: dict[str, Any], invalid: dict[str, str]) -> Whole:
    kind = str(block.get("type"))
    if kind in TEXTS:
        return Whole(TEXTS[kind], str(block[kind]))
    if kind == "tool_use":
        given = invalid.get(block["id"])
        text = _json(block["input"]) if given is None else given
        return Whole(f"wants {block['name']} ({block['id']})", text)
    return Whole(kind, _json(block))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
