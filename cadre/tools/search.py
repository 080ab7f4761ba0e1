"""Finding files and text, by ripgrep."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from cadre.domain.rules import matches_path
from cadre.tools.tool import Text, Tool, ToolContext, ToolInput, ToolOutput

WORKSPACE = "/workspace"
TIMEOUT_SECONDS = 60
OUTPUT_LIMIT = 30_000
# More than is shown, since only whole lines of the head are.
KEPT_BYTES = 4 * OUTPUT_LIMIT
MAX_PATHS = 200
MAX_LINE = 500
# ripgrep's exit codes where nothing matches, and where something failed (it may still match).
NOTHING, FAILED = 1, 2

# Hidden files are looked at, git's own and what the repository ignores are not.
COMMON = ("--no-config", "--no-messages", "--color=never", "--hidden", "--glob=!.git",
          "--no-require-git", "--max-filesize=64M")  # fmt: skip


class GlobInput(ToolInput):
    """Find files by name, newest first. Files that git ignores are left out."""

    pattern: Text = Field(
        min_length=1, description="A glob such as `**/*.py` or `src/**/test_*.ts`."
    )
    path: Text | None = Field(
        default=None, description="The directory to look in; the workspace if left out."
    )


class GrepInput(ToolInput):
    """Search the contents of files with a regular expression (ripgrep's syntax). Files that git
    ignores are left out."""

    pattern: Text = Field(min_length=1, description="The regular expression.")
    path: Text | None = Field(
        default=None, description="The file or directory to search; the workspace if left out."
    )
    glob: Text | None = Field(default=None, description="Only files that match, such as `*.ts`.")
    type: Text | None = Field(default=None, description="Only files of a type, such as `py`.")
    output_mode: Literal["content", "files_with_matches", "count"] = Field(
        default="files_with_matches",
        description="The matching lines, the files that have any, or how many each has.",
    )
    ignore_case: bool = Field(default=False, alias="-i", description="Ignore case.")
    line_numbers: bool = Field(
        default=True, alias="-n", description="Show line numbers (content only)."
    )
    after: int | None = Field(
        default=None, alias="-A", ge=0, description="Lines to show after a match (content only)."
    )
    before: int | None = Field(
        default=None, alias="-B", ge=0, description="Lines to show before a match (content only)."
    )
    context: int | None = Field(
        default=None, alias="-C", ge=0, description="Lines to show around a match (content only)."
    )
    multiline: bool = Field(
        default=False, description="Let a match span lines, and `.` match their ends."
    )
    head_limit: int | None = Field(
        default=None, ge=1, description="Show no more than this many lines, files or counts."
    )


async def _glob(request: GlobInput, context: ToolContext) -> ToolOutput:
    where = inside(request.path or ".", context.root)
    if where is None:
        return _outside(request.path)
    below = posixpath.normpath(posixpath.join(context.root, where))
    pattern = request.pattern.removeprefix(below + "/").removeprefix("./")
    if pattern.startswith(("/", "../")):
        return _outside(request.pattern)
    found = [context.sandbox.ripgrep, "--files", *COMMON, "--sortr=modified", f"--glob=/{pattern}"]
    prefix = "" if where == "." else f"{where}/"
    return await _search(["env", "-C", below, *found, "--", "./"], context, MAX_PATHS, prefix)


async def _grep(request: GrepInput, context: ToolContext) -> ToolOutput:
    where = inside(request.path or ".", context.root)
    if where is None:
        return _outside(request.path)
    target = "./" if where == "." else f"./{where}"
    argv = [context.sandbox.ripgrep, *COMMON, "--sort=path", *_options(request)]
    argv += [*_hidden(context), f"--regexp={request.pattern}", "--", target]
    return await _search(argv, context, request.head_limit)


def _hidden(context: ToolContext) -> Iterator[str]:
    """Leave out what must not be read; ripgrep's last word counts, so after the model's own."""
    for pattern in context.unreadable:
        if not pattern.startswith(("//", "~")):
            anchored = pattern[1:] if pattern.startswith("./") else pattern
            yield "--glob=!" + re.sub(r"[{}]", r"\\\g<0>", anchored)  # git's have no braces


def _options(request: GrepInput) -> Iterator[str]:
    yield "--with-filename"
    match request.output_mode:
        case "files_with_matches":
            yield "--files-with-matches"
        case "count":
            yield "--count"
        case "content":
            yield from ("--no-heading", f"--max-columns={MAX_LINE}", "--max-columns-preview")
            yield "--line-number" if request.line_numbers else "--no-line-number"
            around = (("after", request.after), ("before", request.before))
            for side, lines in (*around, ("", request.context)):
                if lines is not None:
                    yield f"--{side}-context={lines}" if side else f"--context={lines}"
    if request.ignore_case:
        yield "--ignore-case"
    if request.multiline:
        yield from ("--multiline", "--multiline-dotall")
    if request.glob is not None:
        yield f"--glob={request.glob}"
    if request.type is not None:
        yield f"--type={request.type}"


async def _search(
    argv: list[str], context: ToolContext, most: int | None, prefix: str | None = None
) -> ToolOutput:
    """What ripgrep finds; with `prefix` each line is a path below that directory."""
    done = await context.run(argv, timeout=TIMEOUT_SECONDS, output_limit=KEPT_BYTES)
    text = done.output.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if done.timed_out or done.out_of_memory:
        return ToolOutput("The search took too long. Search less, or elsewhere.", is_error=True)
    if done.exit_code == NOTHING and not text:
        return ToolOutput("Nothing matches.")
    if done.exit_code > NOTHING and (not text or done.exit_code > FAILED or "rg: " in text[:4]):
        return ToolOutput(text.strip() or "There is nothing at that path.", is_error=True)
    lines = text.splitlines()
    if prefix is not None:
        named = (prefix + line.removeprefix("./") for line in lines)
        lines = [path for path in named if not _unreadable(path, context)]
    return ToolOutput(_shown(lines, most)) if lines else ToolOutput("Nothing matches.")


def _unreadable(path: str, context: ToolContext) -> bool:
    return any(matches_path(pattern, path) for pattern in context.unreadable)


def _shown(lines: list[str], most: int | None) -> str:
    shown: list[str] = []
    room = OUTPUT_LIMIT
    for line in lines[:most]:
        entry = line.removeprefix("./")
        room -= len(entry.encode()) + 1
        if room < 0:
            break
        shown.append(entry)
    if len(shown) < len(lines):
        shown.append(f"[{len(shown)} lines shown, there are more: narrow the search]")
    return "\n".join(shown)


def inside(path: str, root: str) -> str | None:
    """`path` relative to the workspace `root`, None where it leads out of it by its own words.

    Where links lead is the sandbox's affair.
    """
    if path.startswith(f"{WORKSPACE}/"):  # also where the agent is told another path
        path = path.removeprefix(f"{WORKSPACE}/")
    relative = posixpath.relpath(posixpath.join(root, path), root)
    return None if relative == ".." or relative.startswith("../") else relative


def _outside(path: str | None) -> ToolOutput:
    return ToolOutput(f"{path} is outside the workspace, which is all there is.", is_error=True)


GLOB = Tool(name="Glob", input=GlobInput, run=_glob, subject="pattern", reads_only=True)
GREP = Tool(name="Grep", input=GrepInput, run=_grep, subject="pattern", reads_only=True)
