"""A tool that counts the lines of files."""

from pydantic import Field

from cadre.tools.tool import Text, Tool, ToolContext, ToolInput, ToolOutput

TIMEOUT_SECONDS = 60
OUTPUT_BYTES = 20_000
# From the workspace's root; `$1` is what the model gave, never part of the command itself.
COMMAND = 'find . -name .git -prune -o -type f -name "$1" -print0 | wc -l --files0-from=-'


class CountLinesInput(ToolInput):
    """Count the lines of the repository's files; those with the most lines come first."""

    pattern: Text = Field(default="*", description="Which files, such as '*.py' or 'src/*'.")


async def _count_lines(request: CountLinesInput, context: ToolContext) -> ToolOutput:
    done = await context.run(
        ["sh", "-c", COMMAND, "sh", request.pattern],
        timeout=TIMEOUT_SECONDS,
        output_limit=OUTPUT_BYTES,
    )
    lines = [line.split(maxsplit=1) for line in done.output.decode(errors="replace").splitlines()]
    # Each name begins with `./`; the last line is the total of all.
    counted = sorted((-int(n), name[2:]) for n, name in lines if name.startswith("./"))
    return ToolOutput("\n".join(f"{name}: {-n} lines" for n, name in counted))


COUNT_LINES = Tool(
    name="CountLines", input=CountLinesInput, run=_count_lines, subject="pattern", reads_only=True
)
