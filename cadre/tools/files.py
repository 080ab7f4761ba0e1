"""Reading and changing files: what the model asks for is done by a script inside the sandbox."""

from __future__ import annotations

import functools
import marshal
from importlib import resources

from pydantic import Field

from cadre.tools.tool import Text, Tool, ToolContext, ToolInput, ToolOutput

TIMEOUT_SECONDS = 60
# The script itself bounds what it says.
OUTPUT_LIMIT = 1 << 20


class ReadInput(ToolInput):
    """Read a text file of the workspace. Lines are numbered from 1, as `cat -n` does; without
    offset and limit the first 2000 are shown. Lines above 2000 characters are cut."""

    file_path: Text = Field(min_length=1, description="The file, absolute or in the workspace.")
    offset: int | None = Field(default=None, ge=1, description="The line to start at.")
    limit: int | None = Field(default=None, ge=1, description="How many lines to read.")


class WriteInput(ToolInput):
    """Write a file of the workspace, replacing what was there; its directories are made. To
    change part of a file use Edit."""

    file_path: Text = Field(min_length=1, description="The file, absolute or in the workspace.")
    content: str = Field(description="All of the file's new content.")


class EditInput(ToolInput):
    """Replace text in a file of the workspace. `old_string` must match exactly, without the line
    numbers that Read shows, and be unique unless `replace_all` is set."""

    file_path: Text = Field(min_length=1, description="The file, absolute or in the workspace.")
    old_string: str = Field(min_length=1, description="The text to replace.")
    new_string: str = Field(description="The text to replace it with; it must differ.")
    replace_all: bool = Field(default=False, description="Replace every occurrence.")


async def _run(request: ToolInput, context: ToolContext) -> ToolOutput:
    asked = {"tool": type(request).__name__, "root": context.root, **request.model_dump()}
    argv = [context.sandbox.python, "-I", "-S", "-c", _script()]
    done = await context.run(
        argv, timeout=TIMEOUT_SECONDS, output_limit=OUTPUT_LIMIT, stdin=marshal.dumps(asked)
    )
    said = done.output.decode("utf-8", "replace")
    match said[:1]:
        case "+":
            return ToolOutput(said[1:])
        case "-":
            return ToolOutput(said[1:], is_error=True)
    why = "it took too long" if done.timed_out else said.strip()[-300:] or "it was ended"
    return ToolOutput(f"The file could not be worked on: {why}", is_error=True)


@functools.cache
def _script() -> str:
    return resources.files(__package__).joinpath("file_script.py").read_text()


READ = Tool(name="Read", input=ReadInput, run=_run, subject="file_path", reads_only=True)
WRITE = Tool(name="Write", input=WriteInput, run=_run, subject="file_path")
EDIT = Tool(name="Edit", input=EditInput, run=_run, subject="file_path")
