"""The shell."""

from __future__ import annotations

from pydantic import Field

from cadre.tools.sandbox import Completed, render
from cadre.tools.tool import Text, Tool, ToolContext, ToolInput, ToolOutput

OUTPUT_LIMIT = 30_000
DEFAULT_TIMEOUT_MS = 120_000
MAX_TIMEOUT_MS = 600_000


class BashInput(ToolInput):
    """Run a command with bash in the workspace and return its output (standard output and error
    together, the middle cut out above 30,000 bytes) and its exit code if that is not 0.

    Each call is a new shell that starts in the workspace; files are all that stays, and
    processes end with the call. There is no network. Git metadata is read-only: look with git
    as you like, the engine itself commits. To read, search and change files prefer the tools
    made for it.
    """

    command: Text = Field(min_length=1, description="The command to run.")
    timeout: int | None = Field(
        default=None,
        ge=1,
        le=MAX_TIMEOUT_MS,
        description="Milliseconds after which it is ended; 120000 if left out, at most 600000.",
    )
    description: str | None = Field(
        default=None, description="What the command does, in five to ten words."
    )


async def _bash(request: BashInput, context: ToolContext) -> ToolOutput:
    timeout = (request.timeout or DEFAULT_TIMEOUT_MS) / 1000
    done = await context.run(
        ["bash", "-c", request.command], timeout=timeout, output_limit=OUTPUT_LIMIT
    )
    text = render(done).rstrip("\n")
    ending = _ending(done, timeout)
    return ToolOutput(
        "\n".join(part for part in (text, ending) if part) or "(no output)",
        is_error=bool(ending),
    )


def _ending(done: Completed, timeout: float) -> str:
    if done.timed_out:
        return f"[ended with all its processes after the timeout of {timeout:g} s]"
    if done.out_of_memory:
        return "[ended with all its processes: together they took too much memory]"
    return f"[exit code {done.exit_code}]" if done.exit_code else ""


BASH = Tool(name="Bash", input=BashInput, run=_bash, subject="command")
