"""The tools that an agent can have, as the model, the engine and a reader see them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from cadre.tools.files import EDIT, READ, WRITE
from cadre.tools.search import GLOB, GREP
from cadre.tools.shell import BASH
from cadre.tools.task import TASK_TOOL
from cadre.tools.tool import Tool, ToolContext, ToolOutput

__all__ = ["TOOLS", "ToolContext", "ToolOutput", "Toolbox"]

TOOLS: tuple[Tool[Any], ...] = (READ, GLOB, GREP, BASH, WRITE, EDIT, TASK_TOOL)
TITLE_CHARS = 80


class Toolbox:
    """Tools by their names, in the order in which they are offered to the model."""

    def __init__(self, tools: Sequence[Tool[Any]] = TOOLS) -> None:
        self._by_name = {tool.name: tool for tool in tools}

    @property
    def names(self) -> tuple[str, ...]:
        """All tools."""
        return tuple(self._by_name)

    def schemas(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The named tools for the Messages API; KeyError for an unknown one.

        The order does not depend on that of `names`, so that equal sets make equal prompts.
        """
        wanted = {self._by_name[name].name for name in names}
        return [tool.schema() for tool in self._by_name.values() if tool.name in wanted]

    def title(self, name: str, input: Mapping[str, object]) -> str:  # noqa: A002 - the API's word
        """What a call does, in one line of at most 80 characters, such as `Bash: pytest -q`.

        `input` may be anything that a model wrote.
        """
        tool = self._by_name.get(name)
        subject = str(input.get(tool.subject, "")) if tool else "no such tool"
        words = _printable(subject).removeprefix("/workspace/")
        line = f"{_printable(name)}: {words}" if words else _printable(name)
        return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1] + "…"

    def is_read_only(self, name: str, *, writes: bool) -> bool:
        """Whether a call cannot change the workspace; `writes` says whether the agent may."""
        tool = self._by_name.get(name)
        return tool is None or tool.reads_only or not writes

    async def run(self, name: str, input: object, context: ToolContext) -> ToolOutput:  # noqa: A002
        """Run a tool on what the model gave it, and say what came of it.

        Whatever the model did wrong is an output that tells it so. Raises CadreError where the
        engine cannot run tools at all.
        """
        tool = self._by_name.get(name)
        if tool is None:
            there = ", ".join(self._by_name)
            return _invalid(f"There is no tool {_printable(name)}. Tools are: {there}.")
        try:
            json.dumps(input, ensure_ascii=False).encode()  # half a surrogate pair is no text
            request = tool.input.model_validate(input)
        except ValidationError as error:
            problems = "; ".join(_problem(e["loc"], e["msg"]) for e in error.errors())
            return _invalid(f"The input of {name} is not valid: {problems}. Nothing was run.")
        except UnicodeEncodeError:
            return _invalid(f"The input of {name} is not valid Unicode text. Nothing was run.")
        return await tool.run(request, context)


def _invalid(message: str) -> ToolOutput:
    return ToolOutput(message, is_error=True, invalid=True)


def _problem(location: Sequence[int | str], message: str) -> str:
    where = ".".join(map(str, location))
    return f"{where}: {message}" if where else message


def _printable(text: str) -> str:
    """On one line, without what a terminal would act on or a reader could not see."""
    spaced = " ".join(text.split())
    return "".join(c for c in spaced if not unicodedata.category(c).startswith("C"))
