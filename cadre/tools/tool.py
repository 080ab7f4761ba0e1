"""What a tool is: a name, an input model, and what it does in the sandbox."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

from cadre.tools.sandbox import Completed, Mount, Sandbox


class ToolInput(BaseModel):
    """What the model gives to a tool; its docstring and fields make the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]


@dataclass(frozen=True)
class ToolOutput:
    """What the model is told. `invalid` marks an input that fits no tool, which nothing ran;
    `denied` a call that it is not allowed, which did nothing."""

    content: str
    is_error: bool = False
    invalid: bool = False
    denied: bool = False


@dataclass(frozen=True)
class ToolContext:
    """Where a tool call runs; see `Sandbox.run` for the fields. What lies in one of `unreadable`,
    path patterns of permission rules, no search may show."""

    sandbox: Sandbox
    workspace: Path
    writable: bool
    mounts: Sequence[Mount] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    on_start: Callable[[int], None] | None = None
    unreadable: Sequence[str] = ()

    @property
    def root(self) -> str:
        """The workspace's directory as the agent sees it."""
        return self.sandbox.path(self.workspace)

    async def run(
        self, argv: Sequence[str], *, timeout: float, output_limit: int, stdin: bytes | None = None
    ) -> Completed:
        """Run a command in the workspace."""
        return await self.sandbox.run(
            argv,
            workspace=self.workspace,
            writable=self.writable,
            mounts=self.mounts,
            env=self.env,
            stdin=stdin,
            timeout=timeout,
            output_limit=output_limit,
            on_start=self.on_start,
        )


Input = TypeVar("Input", bound=ToolInput)


@dataclass(frozen=True)
class Tool(Generic[Input]):
    """A tool. `subject` names the input field that says in a title what the call is about."""

    name: str
    input: type[Input]
    run: Callable[[Input, ToolContext], Awaitable[ToolOutput]]
    subject: str
    reads_only: bool = False

    def schema(self) -> dict[str, Any]:
        """The tool as the Messages API takes it; the same for all, so not to be changed."""
        return _schema(self.name, self.input)


@functools.cache
def _schema(name: str, input: type[ToolInput]) -> dict[str, Any]:  # noqa: A002
    schema = input.model_json_schema(by_alias=True)
    return {
        "name": name,
        "description": schema.pop("description"),
        "input_schema": _plain(schema),
    }


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without titles and nulls: an optional property is one that may be left out."""
    properties = {}
    for name, given in schema["properties"].items():
        options = [o for o in given.get("anyOf", ()) if o != {"type": "null"}]
        kept = {k: v for k, v in given.items() if k not in ("title", "anyOf")}
        merged = {**(options[0] if len(options) == 1 else {}), **kept}
        if merged.get("default", ...) is None:
            del merged["default"]
        properties[name] = merged
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }
