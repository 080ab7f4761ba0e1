"""The tool in a real sandbox."""

import asyncio
from pathlib import Path

from line_survey.count_lines import COUNT_LINES

from cadre.tools.registry import Toolbox
from cadre.tools.sandbox import give, open_sandbox, probe
from cadre.tools.tool import ToolContext


def test_the_longest_file_comes_first(tmp_path: Path) -> None:
    sandbox = open_sandbox(probe())
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    for name, lines in (("short.py", 1), ("long.py", 3), ("other.txt", 9)):
        (workspace / name).write_text("line\n" * lines)
    give(workspace, sandbox.owner)
    context = ToolContext(sandbox=sandbox, workspace=workspace, writable=False)
    tools = Toolbox([COUNT_LINES])
    output = asyncio.run(tools.run("CountLines", {"pattern": "*.py"}, context))
    assert output.content == "long.py: 3 lines\nshort.py: 1 lines"
