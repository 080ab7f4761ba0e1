"""How a change is shown and counted."""

import pytest

from cadre.domain.workspaces import DescribeChange
from cadre.tools.workspace.change import MAX_DIFF_BYTES


@pytest.fixture
def change(new_repo, opened, workspaces):
    async def describe(before, after):
        workspace = (await opened(new_repo(before))).workspace
        lease = await workspaces.begin(workspace, workspace.snapshot, "c")
        for name, content in after.items():
            path = lease.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        snapshot = await lease.snapshot()
        return await workspaces.describe(
            DescribeChange(workspace=workspace, snapshot=snapshot, name="d")
        )

    return describe


async def test_a_change_is_a_diff_that_git_applies(change, tmp_path, new_repo):
    before = {"a.txt": "one\ntwo\n", "gone.txt": "gone\n", "old.txt": "moved\n" * 5}
    after = {"a.txt": "one\n2\nthree\n", "gone.txt": None, "d/new.txt": "new\n",
             "old.txt": None, "moved.txt": "moved\n" * 5}  # fmt: skip
    described = await change(before, after)
    stat = described.stat
    assert (stat.files, stat.insertions, stat.deletions) == (4, 3, 2)
    assert "rename from old.txt" in described.diff
    witness = new_repo(before, "witness")
    witness("apply", "-", data=described.diff.encode())
    assert (witness.path / "a.txt").read_text() == "one\n2\nthree\n"
    assert (witness.path / "moved.txt").exists()
    assert not (witness.path / "gone.txt").exists()


async def test_a_change_of_mode_shows(new_repo, opened, workspaces):
    workspace = (await opened(new_repo({"run": "x\n"}))).workspace
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    (lease.path / "run").chmod(0o755)
    described = await workspaces.describe(
        DescribeChange(workspace=workspace, snapshot=await lease.snapshot(), name="d")
    )
    assert "old mode 100644\nnew mode 100755\n" in described.diff
    assert described.stat.files == 1


async def test_what_is_not_text_is_named(change):
    described = await change(
        {"a.bin": b"\0\1"}, {"a.bin": b"\0\2", "big.txt": "line\n" * 200_000, "b.bin": b"\0"}
    )
    assert described.diff == (
        "# a.bin: binary, modified, not shown\n# b.bin: binary, added, not shown\n"
        "# big.txt: changed, over 512 KB, not shown\n"
    )
    assert described.stat.files == 3


async def test_a_long_diff_is_cut_and_says_where(change):
    line = "x" * 99 + "\n"
    described = await change(
        {}, {"a.txt": "short\n", "b.txt": line * 1000, "c.txt": line * 10, "d.txt": "end\n"}
    )
    assert len(described.diff) < MAX_DIFF_BYTES + 1000
    assert "+short" in described.diff
    assert "\n# b.txt: cut here, 1000 changed lines, the diff is too long\n" in described.diff
    assert "# c.txt: not shown, 10 changed lines, the diff is too long\n" in described.diff
    assert (described.stat.files, described.stat.insertions) == (4, 1012)


async def test_no_attribute_hides_a_change(change):
    described = await change(
        {"x.py": "x\n"}, {".gitattributes": "* -diff\n*.py binary\n", "x.py": "evil()\n"}
    )
    assert "+evil()" in described.diff


async def test_thousands_of_files_are_counted_and_mostly_named(change):
    described = await change({}, {f"d/{n}.bin": b"\0%d" % n for n in range(1000)})
    assert described.stat.files == 1000
    assert described.diff.endswith("# and 800 more files, not shown\n")
