"""The tools as the model, the engine and a reader see them; and the shell."""

from __future__ import annotations

import json

import pytest

from cadre.domain.agents import TOOL_NAMES
from cadre.tools.registry import TOOLS, Toolbox

BUILT_IN = Toolbox()


def test_the_tools_are_those_that_the_domain_knows():
    assert tuple(tool.name for tool in TOOLS) == TOOL_NAMES


def test_schemas_are_plain_and_whole():
    given = BUILT_IN.schemas(list(reversed(TOOL_NAMES)))
    assert [schema["name"] for schema in given] == list(TOOL_NAMES)
    assert json.loads(json.dumps(given)) == given
    for schema in given:
        assert set(schema) == {"name", "description", "input_schema"}
        inputs = schema["input_schema"]
        assert inputs["type"] == "object"
        assert inputs["additionalProperties"] is False
        assert set(inputs["required"]) <= set(inputs["properties"])
        for prop in inputs["properties"].values():
            assert prop["type"] in ("string", "integer", "boolean")
            assert prop["description"]
            assert prop.get("default", "given") is not None
    assert [schema["name"] for schema in BUILT_IN.schemas(["Grep"])] == ["Grep"]
    with pytest.raises(KeyError):
        BUILT_IN.schemas(["Nonsense"])


def test_parameters_are_named_as_in_claude_code():
    names = {s["name"]: set(s["input_schema"]["properties"]) for s in BUILT_IN.schemas(TOOL_NAMES)}
    assert names["Read"] == {"file_path", "offset", "limit"}
    assert names["Write"] == {"file_path", "content"}
    assert names["Edit"] == {"file_path", "old_string", "new_string", "replace_all"}
    assert names["Glob"] == {"pattern", "path"}
    assert {"pattern", "path", "glob", "type", "output_mode", "-i", "-n", "-A"} <= names["Grep"]
    assert names["Bash"] == {"command", "timeout", "description"}


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("Bash", {"command": "pytest -q"}, "Bash: pytest -q"),
        ("Bash", {"command": "a\n  b\tc"}, "Bash: a b c"),
        ("Edit", {"file_path": "/workspace/src/a.py"}, "Edit: src/a.py"),
        ("Grep", {"pattern": "x"}, "Grep: x"),
        ("Bash", {"command": "\x1b[31mred\x07\u202eevil\ud800"}, "Bash: [31mredevil"),
        ("Bash", {"command": None}, "Bash: None"),
        ("Bash", {}, "Bash"),
        ("Nonsense\x1b", {"command": "x"}, "Nonsense: no such tool"),
    ],
)
def test_titles(name, given, expected):
    assert BUILT_IN.title(name, given) == expected


def test_a_title_is_short():
    line = BUILT_IN.title("Bash", {"command": "x" * 500})
    assert len(line) == 80
    assert line.endswith("x…")


def test_what_only_reads():
    for name in ("Read", "Glob", "Grep"):
        assert BUILT_IN.is_read_only(name, writes=True)
    assert BUILT_IN.is_read_only("Bash", writes=False)
    for name in ("Bash", "Write", "Edit"):
        assert not BUILT_IN.is_read_only(name, writes=True)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("Nonsense", {}, "There is no tool Nonsense. Tools are: Read, Glob"),
        ("Bash", {}, "command: Field required"),
        ("Bash", {"command": "x", "unknown": 1}, "unknown: Extra inputs"),
        ("Bash", {"command": "x", "timeout": 600_001}, "timeout: "),
        ("Bash", {"command": "x\0y"}, "NUL"),
        ("Bash", {"command": "\ud800"}, "not valid Unicode"),
        ("Bash", ["x"], "valid dictionary"),
        ("Bash", "x", "valid dictionary"),
        ("Bash", None, "valid dictionary"),
        ("Read", {"file_path": "x", "offset": 0}, "offset: "),
    ],
)
async def test_an_invalid_input_is_told_to_the_model_and_nothing_runs(context, name, given, said):
    output = await BUILT_IN.run(name, given, context)
    assert (output.is_error, output.invalid) == (True, True)
    assert said in output.content


async def test_the_shell(tool):
    assert (await tool("Bash", command="echo hi; pwd | wc -l")).content == "hi\n1"
    failed = await tool("Bash", command="echo hi; exit 3", description="fail")
    assert (failed.content, failed.is_error, failed.invalid) == ("hi\n[exit code 3]", True, False)
    assert (await tool("Bash", command="true")).content == "(no output)"
    late = await tool("Bash", command="echo begun; sleep 100", timeout=2000)
    assert late.is_error
    assert late.content.startswith("begun\n[ended with all its processes after the timeout of 2 s")


async def test_the_shell_starts_in_the_workspace(tool, context, put):
    put("file", b"text")
    assert (await tool("Bash", command="pwd; cat file")).content == f"{context.root}\ntext"


async def test_the_shells_output_is_bounded(tool):
    content = (await tool("Bash", command="seq 100000")).content
    assert len(content) < 30_200
    assert content.startswith("1\n2\n")
    assert content.endswith("99999\n100000")
    assert "bytes left out" in content
    assert "binary output" in (await tool("Bash", command="head -c 99 /dev/zero")).content
