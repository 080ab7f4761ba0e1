"""Read, Write and Edit, inside the sandbox."""

from __future__ import annotations

import os
import stat

import pytest

from cadre.tools.registry import Toolbox, ToolContext
from cadre.tools.sandbox import Limits, give


async def test_lines_are_numbered(tool, put):
    put("src/a.py", b"def f():\n    return 1\n")
    for path in ("src/a.py", "./src/../src/a.py", "/workspace/src/a.py"):
        output = await tool("Read", file_path=path)
        assert (output.content, output.is_error) == (
            "     1\tdef f():\n     2\t    return 1",
            False,
        )


async def test_a_part_can_be_read_and_it_says_what_is_left(tool, put):
    put("long", b"".join(b"line %d\n" % n for n in range(1, 3001)))
    whole = (await tool("Read", file_path="long")).content.splitlines()
    assert whole[0] == "     1\tline 1"
    assert whole[1999] == "  2000\tline 2000"
    assert whole[2000:] == ["[lines 1 to 2000 of 3000; read on with offset=2001]"]
    part = (await tool("Read", file_path="long", offset=2999, limit=5)).content
    assert part == "  2999\tline 2999\n  3000\tline 3000"
    beyond = await tool("Read", file_path="long", offset=4000)
    assert (beyond.content, beyond.is_error) == ("long has only 3000 lines.", True)


async def test_what_is_read_is_bounded(tool, put):
    put("wide", b"x" * 5000 + b"\nshort\n")
    wide = (await tool("Read", file_path="wide")).content.splitlines()
    assert wide[0] == "     1\t" + "x" * 2000 + " [cut]"
    assert wide[1:] == ["     2\tshort", "[1 long lines cut at 2000 characters]"]
    put("one-line", b"y" * 3_000_000)
    assert len((await tool("Read", file_path="one-line")).content) < 2200
    put("big", ("é" * 1000 + "\n").encode() * 1000)
    big = (await tool("Read", file_path="big")).content
    assert 90_000 < len(big.encode()) <= 100_200
    assert "of 1000; read on with offset=" in big


async def test_text_that_is_not_utf_8_is_read_with_a_note(tool, put):
    put("latin", b"caf\xe9\n")
    content = (await tool("Read", file_path="latin")).content
    assert content.startswith("     1\tcaf\N{REPLACEMENT CHARACTER}\n[some bytes are not UTF-8")
    put("bom", b"\xef\xbb\xbffirst\r\nsecond\r\n")
    assert (await tool("Read", file_path="bom")).content == "     1\tfirst\n     2\tsecond"
    put("empty", b"")
    assert (await tool("Read", file_path="empty")).content == "empty is empty."


@pytest.mark.parametrize("name", ["Read", "Edit", "Write"])
async def test_what_is_no_file_of_the_workspace_is_refused(tool, put, workspace, name, tmp_path):
    given = {
        "Read": {},
        "Write": {"content": "evil"},
        "Edit": {"old_string": "as", "new_string": "evil"},
    }[name]
    outside = tmp_path / "outside"
    outside.write_text("as it was")
    outside.chmod(0o666)
    put("linked", b"as it was")
    (workspace / "hard").hardlink_to(workspace / "linked")
    (workspace / "link").symlink_to(outside)
    (workspace / "links").symlink_to(tmp_path)
    (workspace / "self").symlink_to("/proc/self/root")
    (workspace / "loop").symlink_to("loop")
    (workspace / "directory").mkdir()
    os.mkfifo(workspace / "fifo")
    expected = {
        "../outside": "outside the workspace",
        str(outside): "outside the workspace",
        "/etc/passwd": "outside the workspace",
        "link": "outside the workspace",
        "links/outside": "outside the workspace",
        "self/etc/passwd": "outside the workspace",
        "loop": "",
        "directory": "is a directory",
        "fifo": "not a regular file",
        "hard": "hard link",
    }
    for path, why in expected.items():
        output = await tool(name, file_path=path, **given)
        assert output.is_error, (path, output)
        assert why in output.content, (path, output)
    assert outside.read_text() == "as it was"
    assert (workspace / "linked").read_text() == "as it was"
    nul = await tool(name, file_path="a\0b", **given)
    assert (nul.is_error, nul.invalid) == (True, True)


async def test_a_link_inside_the_workspace_is_followed(tool, put, workspace):
    put("AGENTS.md", b"text\n")
    (workspace / "CLAUDE.md").symlink_to("AGENTS.md")
    assert (await tool("Read", file_path="CLAUDE.md")).content == "     1\ttext"
    await tool("Write", file_path="CLAUDE.md", content="new\n")
    assert (workspace / "CLAUDE.md").is_symlink()
    assert (workspace / "AGENTS.md").read_text() == "new\n"


async def test_missing_and_binary_files_are_said(tool, put):
    missing = await tool("Read", file_path="no/such")
    assert (missing.content, missing.is_error) == ("no/such: No such file or directory.", True)
    put("image", b"\x89PNG\0\0")
    binary = await tool("Read", file_path="image")
    assert (binary.content, binary.is_error) == ("image is a binary file of 6 bytes.", True)


async def test_a_file_is_written_with_its_directories(tool, workspace):
    output = await tool("Write", file_path="a/b/c.txt", content="one\ntwo")
    assert output.content == "Created a/b/c.txt: 2 lines."
    path = workspace / "a/b/c.txt"
    assert path.read_bytes() == b"one\ntwo"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["c.txt"]


async def test_writing_keeps_the_mode_and_every_byte(tool, put, workspace):
    path = put("script", b"old")
    path.chmod(0o755)
    content = "\ufeffcafé \U0001f600 \0 \r\n \x1b[0m\n"
    assert (await tool("Write", file_path="script", content=content)).content.startswith("Replaced")
    assert path.read_bytes() == content.encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    await tool("Edit", file_path="script", old_string="café", new_string="tea")
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


async def test_git_cannot_be_written(tool, put, workspace):
    put(".git/config", b"as it was")
    put("sub/.git/config", b"as it was")
    for path in (".git/config", "sub/.git/config", ".git/hooks/pre-commit", ".GIT/config"):
        output = await tool("Write", file_path=path, content="evil")
        assert "cannot be changed" in output.content
        assert output.is_error
    (workspace / "way").symlink_to(".git")
    assert (await tool("Write", file_path="way/config", content="evil")).is_error
    assert (workspace / ".git/config").read_text() == "as it was"


async def test_an_edit_changes_what_it_names_and_shows_it(tool, put, workspace):
    path = put("a.py", b"".join(b"line %d\n" % n for n in range(1, 21)))
    output = await tool("Edit", file_path="a.py", old_string="line 10\n", new_string="ten\n10b\n")
    assert not output.is_error
    lines = output.content.splitlines()
    assert lines[0] == "Changed a.py:"
    assert "    10\tten" in lines
    assert "    11\t10b" in lines
    assert lines[1] == "     6\tline 6"
    assert b"line 9\nten\n10b\nline 11\n" in path.read_bytes()


async def test_an_edit_that_is_not_clear_changes_nothing(tool, put):
    path = put("a.py", b"x = 1\ny = 1\n  z = 2\n")
    for old, new, why in (
        ("= 1", "= 2", "2 times"),
        ("x = 3", "x", "read the file again"),
        ("y = 1\nz = 2", "x", "white space alone"),
        ("x = 1", "x = 1", "the same"),
    ):
        output = await tool("Edit", file_path="a.py", old_string=old, new_string=new)
        assert output.is_error
        assert why in output.content
    empty = await tool("Edit", file_path="a.py", old_string="", new_string="x")
    assert empty.invalid
    assert path.read_bytes() == b"x = 1\ny = 1\n  z = 2\n"
    await tool("Edit", file_path="a.py", old_string="= 1", new_string="= 3", replace_all=True)
    assert path.read_bytes() == b"x = 3\ny = 3\n  z = 2\n"


async def test_an_edit_keeps_line_ends_and_the_bytes_it_does_not_touch(tool, put):
    crlf = put("crlf", b"one\r\ntwo\r\nthree\r\n")
    await tool("Edit", file_path="crlf", old_string="one\ntwo", new_string="1\n2\n2b")
    assert crlf.read_bytes() == b"1\r\n2\r\n2b\r\nthree\r\n"
    mixed = put("mixed", b"one\r\ntwo\nthree\n")
    await tool("Edit", file_path="mixed", old_string="two\n", new_string="2\n")
    assert mixed.read_bytes() == b"one\r\n2\nthree\n"
    latin = put("latin", b"caf\xe9 \xff\xfe\n\xc3\xa9 old\n")
    await tool("Edit", file_path="latin", old_string="é old", new_string="é néw")
    assert latin.read_bytes() == "caf\udce9 \udcff\udcfe\né néw\n".encode(errors="surrogateescape")


async def test_where_the_agent_cannot_write_nothing_is_written(sandbox, workspace, put):
    path = put("file", b"as it was")
    context = ToolContext(sandbox=sandbox, workspace=workspace, writable=False)
    for name, given in (
        ("Write", {"file_path": "file", "content": "evil"}),
        ("Write", {"file_path": "new/deep", "content": "evil"}),
        ("Edit", {"file_path": "file", "old_string": "as", "new_string": "evil"}),
        ("Bash", {"command": "echo evil > file"}),
    ):
        output = await Toolbox().run(name, given, context)
        assert output.is_error, output
    assert path.read_text() == "as it was"
    assert [p.name for p in workspace.iterdir()] == ["file"]
    assert (
        await Toolbox().run("Read", {"file_path": "file"}, context)
    ).content == "     1\tas it was"


async def test_a_full_disk_leaves_the_old_content(put, workspace, limited):
    path = put("file", b"as it was")
    sandbox = limited(Limits(file_size=1024))
    give(workspace, sandbox.owner)
    context = ToolContext(sandbox=sandbox, workspace=workspace, writable=True)
    output = await Toolbox().run("Write", {"file_path": "file", "content": "x" * 5000}, context)
    assert output.is_error
    assert path.read_text() == "as it was"


async def test_names_of_every_kind_work(tool, workspace):
    for name in ("a b", "naïve", "-rf", "a'b\"c", "$(id)", "new\nline", "☃"):
        assert not (await tool("Write", file_path=name, content=name)).is_error
        assert (workspace / name).read_text() == name
        assert not (await tool("Read", file_path=name)).is_error
