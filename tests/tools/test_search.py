"""Glob and Grep."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def tree(put):
    put("src/a.py", b"import os\n\ndef alpha():\n    return os.name\n")
    put("src/deep/b.py", b"def beta():\n    return 'ALPHA'\n")
    put("src/c.ts", b"export const alpha = 1\n")
    put(".hidden/d.py", b"alpha\n")
    put("ignored/e.py", b"alpha\n")
    put(".gitignore", b"ignored/\n")
    put(".git/f.py", b"alpha\n")


async def found(tool, **given):
    output = await tool("Glob", **given)
    assert not output.is_error, output
    return output.content.splitlines()


async def test_files_are_found_by_name(tool, tree, context):
    assert sorted(await found(tool, pattern="**/*.py")) == [
        ".hidden/d.py",
        "src/a.py",
        "src/deep/b.py",
    ]
    assert await found(tool, pattern="*.py", path="src") == ["src/a.py"]
    assert await found(tool, pattern=f"{context.root}/src/*.ts") == ["src/c.ts"]
    assert sorted(await found(tool, pattern="src/**/*.{py,ts}")) == [
        "src/a.py",
        "src/c.ts",
        "src/deep/b.py",
    ]
    assert await found(tool, pattern="*.rs") == ["Nothing matches."]
    assert await found(tool, pattern="**/*.py", path="/workspace/src/deep") == ["src/deep/b.py"]


async def test_the_newest_files_come_first(tool, put):
    for age, name in enumerate(("c", "a", "b")):
        os.utime(put(name, b"x"), (1_000_000 - age, 1_000_000 - age))
    assert await found(tool, pattern="*") == ["c", "a", "b"]


async def test_what_is_shown_is_bounded(tool, put):
    for n in range(300):
        put(f"many/{n}", b"")
    lines = await found(tool, pattern="many/*")
    assert len(lines) == 201
    assert lines[-1] == "[200 lines shown, there are more: narrow the search]"
    put("wide", b"needle " + b"x" * 1_000_000 + b"\n" + b"needle\n" * 20_000)
    content = (await tool("Grep", pattern="needle", output_mode="content")).content
    assert len(content.encode()) < 30_200
    assert content.endswith("there are more: narrow the search]")


@pytest.mark.parametrize("path", ["..", "/etc", "src/../../x"])
async def test_searching_outside_is_refused(tool, tree, path):
    for name in ("Glob", "Grep"):
        output = await tool(name, pattern="x", path=path)
        assert output.is_error
        assert "outside the workspace" in output.content
    assert (await tool("Glob", pattern="../*")).is_error
    assert (await tool("Glob", pattern="/etc/*")).is_error


async def grep(tool, pattern, **given):
    output = await tool("Grep", pattern=pattern, **given)
    assert not output.is_error, output
    return output.content.splitlines()


async def test_text_is_found(tool, tree):
    assert await grep(tool, "alpha") == [".hidden/d.py", "src/a.py", "src/c.ts"]
    assert await grep(tool, "alpha", **{"-i": True}, type="py") == [
        ".hidden/d.py",
        "src/a.py",
        "src/deep/b.py",
    ]
    assert await grep(tool, "alpha", glob="*.ts", output_mode="content") == [
        "src/c.ts:1:export const alpha = 1"
    ]
    assert await grep(tool, "return", path="src", output_mode="count") == [
        "src/a.py:1",
        "src/deep/b.py:1",
    ]
    around = {"-C": 1, "-n": False}
    assert await grep(tool, "beta", path="src/deep/b.py", output_mode="content", **around) == [
        "src/deep/b.py:def beta():",
        "src/deep/b.py-    return 'ALPHA'",
    ]
    assert await grep(tool, r"alpha\(\):.*name", multiline=True, output_mode="content") == [
        "src/a.py:3:def alpha():",
        "src/a.py:4:    return os.name",
    ]
    assert await grep(tool, "alpha", head_limit=1) == [
        ".hidden/d.py",
        "[1 lines shown, there are more: narrow the search]",
    ]
    assert await grep(tool, "no such text") == ["Nothing matches."]


async def test_options_in_the_input_are_text(tool, put, workspace):
    put("file", b"--files -e x\n")
    assert await grep(tool, "--files") == ["file"]
    output = await tool("Grep", pattern="x", path="--pre=touch evil")
    assert output.is_error
    assert not (workspace / "evil").exists()
    assert (await tool("Glob", pattern="x", path="-h")).is_error


async def test_what_cannot_be_searched_is_said(tool, tree):
    broken = await tool("Grep", pattern="a(b")
    assert broken.is_error
    assert "unclosed group" in broken.content
    assert (await tool("Grep", pattern="a", path="no/such")).is_error
    assert (await tool("Grep", pattern="a", type="nonsense")).is_error
    assert (await tool("Glob", pattern="*", path="no/such")).is_error
    assert (await tool("Grep", pattern="a", output_mode="other")).invalid
