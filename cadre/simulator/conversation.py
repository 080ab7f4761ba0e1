"""What a scenario sees: the conversation so far, read from the request alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cadre.simulator.errors import Json
from cadre.simulator.prompt import Piece, Prompt, Turn

_WHO = re.compile(r'You are the agent "([^"]+)" in the role "([^"]+)"\.')
_TASK_HEADING = "## Your task\n\n"
_DATA = re.compile(
    r'^## (?P<title>[^\n]+)\n\n[^\n]*\n<data id="(?P<mark>\w+)">\n(?P<text>.*?)'
    r'\n</data id="(?P=mark)">',
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Exchange:
    """A tool use and its result as text; `turn` is the answer that asked for it, from 1."""

    tool: str
    input: Json
    result: str
    is_error: bool
    turn: int


@dataclass(frozen=True)
class Conversation:
    """A frozen view of one conversation.

    `agent_id` and `role` come from the system prompt's first line and are empty without it.
    `task_text` is all text of the first user message, `turn` the number of the answer that is
    now due, `tools` the names on offer, `exchanges` every tool use with its result in order, and
    `remarks` the text of later user messages.
    """

    agent_id: str
    role: str
    system: str
    task_text: str
    turn: int
    tools: tuple[str, ...]
    exchanges: tuple[Exchange, ...]
    remarks: tuple[str, ...]

    @property
    def task(self) -> str:
        """The task alone, without the context that stands before it."""
        return self.task_text.rpartition(_TASK_HEADING)[2]

    @property
    def context(self) -> tuple[tuple[str, str], ...]:
        """Title and text of each context item that was fenced as data, in order."""
        return tuple((m["title"], m["text"]) for m in _DATA.finditer(self.task_text))

    def section(self, title: str) -> str:
        """The last context item whose title holds `title`; empty where there is none."""
        found = [text for name, text in self.context if title.lower() in name.lower()]
        return found[-1] if found else ""

    @property
    def reports(self) -> tuple[Json, ...]:
        """The context items that are JSON objects, as other agents' reports are."""
        return tuple(value for _, text in self.context if (value := _json_object(text)))

    def results_of(self, tool: str, **fields: Any) -> tuple[Exchange, ...]:
        """All uses of `tool` whose input has these fields, oldest first."""
        return tuple(
            exchange
            for exchange in self.exchanges
            if exchange.tool == tool
            and all(exchange.input.get(name) == value for name, value in fields.items())
        )

    def result_of(self, tool: str, **fields: Any) -> Exchange | None:
        """The latest use of `tool` whose input has these fields."""
        found = self.results_of(tool, **fields)
        return found[-1] if found else None

    @property
    def latest(self) -> tuple[Exchange, ...]:
        """The exchanges of the answer before."""
        return tuple(e for e in self.exchanges if e.turn == self.turn - 1)

    @property
    def last_error(self) -> Exchange | None:
        """The latest exchange of the answer before that ended in an error."""
        return next((e for e in reversed(self.latest) if e.is_error), None)


def read_conversation(prompt: Prompt) -> Conversation:
    """The conversation that a request carries."""
    system = "\n\n".join(p.said.get("text", "") for p in prompt.pieces if p.where == "system")
    who = _WHO.match(system)
    users = [turn for turn in prompt.turns if turn.role == "user"]
    return Conversation(
        agent_id=who[1] if who else "",
        role=who[2] if who else "",
        system=system,
        task_text=_text(users[0]),
        turn=1 + sum(message["role"] == "assistant" for message in prompt.body["messages"]),
        tools=tuple(p.said["name"] for p in prompt.pieces if p.where == "tools"),
        exchanges=tuple(_exchanges(prompt)),
        remarks=tuple(text for turn in users[1:] if (text := _text(turn))),
    )


def _exchanges(prompt: Prompt) -> Iterator[Exchange]:
    said = [piece for turn in prompt.turns for piece in turn.pieces]
    results = {p.said["tool_use_id"]: p for p in said if p.said["type"] == "tool_result"}
    answers = [p.message for p in said if p.where == "assistant"]
    numbers = {message: n for n, message in enumerate(dict.fromkeys(answers), 1)}
    for piece in said:
        if piece.said["type"] == "tool_use" and piece.said["id"] in results:
            result = results[piece.said["id"]]
            yield Exchange(
                tool=piece.said["name"],
                input=piece.said["input"],
                result=_result_text(result),
                is_error=result.said["is_error"],
                turn=numbers[piece.message],
            )


def _result_text(piece: Piece) -> str:
    return "\n".join(block.get("text", "") for block in piece.said["content"])


def _text(turn: Turn) -> str:
    return "\n\n".join(p.said["text"] for p in turn.pieces if p.said["type"] == "text")


def _json_object(text: str) -> Json | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
