"""The setup command: what it makes is there for every call, and never part of the result."""

import shutil
import tempfile
from pathlib import Path

import pytest

from cadre.domain.errors import CadreError
from cadre.domain.workspaces import DescribeChange, OpenWorkspace, RunCheck
from cadre.tools.workspace import Workspaces


async def test_what_setup_makes_is_cache(new_repo, opened, workspaces, sandbox):
    repo = new_repo({".gitignore": "/ignored/\n", "src/a.py": "a\n", "[x] #": "odd\n"})
    setup = (
        "mkdir -p ignored loose src/gen && touch ignored/1 loose/2 src/gen/3 src/4 ' odd[1]*'"
        " && echo changed > src/a.py && rm '[x] #'"
    )
    opening = await opened(repo, setup=setup)
    assert opening.setup.completed.exit_code == 0
    (note,) = opening.notes
    assert note.startswith("the setup command left files that .gitignore does not name (")
    workspace = opening.workspace
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    for path in ("ignored/1", "loose/2", "src/gen/3", "src/4", " odd[1]*"):
        assert (lease.path / path).exists(), path
    assert (lease.path / "src/a.py").read_text() == "a\n"
    assert (lease.path / "[x] #").read_text() == "odd\n"
    assert await lease.snapshot() == workspace.snapshot
    status = await sandbox.run(
        ["git", "status", "--short"], workspace=lease.path, writable=True, mounts=lease.mounts,
        env=lease.env, timeout=20,
    )  # fmt: skip
    assert (status.exit_code, status.output) == (0, b"")


async def test_cache_stays_cache_whatever_an_agent_does_to_the_rules(new_repo, opened, workspaces):
    repo = new_repo({".gitignore": "/env/\n", "a.txt": "a\n"})
    opening = await opened(repo, setup="mkdir env && touch env/tool x.cfg")
    assert opening.notes[0].startswith(
        "the setup command left files that .gitignore does not name (x.cfg)"
    )
    lease = await workspaces.begin(opening.workspace, opening.workspace.snapshot, "c")
    (lease.path / ".gitignore").write_text("!/env/\n!x.cfg\n")
    (lease.path / "env/more").touch()
    described = await workspaces.describe(
        DescribeChange(workspace=opening.workspace, snapshot=await lease.snapshot(), name="d")
    )
    assert described.stat.files == 1


async def test_what_setup_made_is_back_after_a_rollback(repo, opened, workspaces):
    opening = await opened(repo, setup="mkdir env && echo tool > env/tool")
    workspace = opening.workspace
    lost = await workspaces.begin(workspace, workspace.snapshot, "c")
    (lost.path / "env/tool").write_text("broken")
    (lost.path / "env/more").write_text("more")
    lease = await workspaces.begin(workspace, workspace.snapshot, "c")
    assert (lease.path / "env/tool").read_text() == "tool\n"
    assert not (lease.path / "env/more").exists()


@pytest.mark.parametrize(
    ("setup", "seconds", "passed"), [("echo no; exit 3", 60, False), ("sleep 60", 0.5, False)]
)
async def test_a_failed_setup_is_a_result(repo, opened, setup, seconds, passed):
    opening = await opened(repo, setup=setup, setup_timeout_seconds=seconds)
    done = opening.setup.completed
    assert (done.exit_code == 0 and not done.timed_out) is passed
    assert opening.workspace.base == repo("rev-parse", "HEAD")


async def test_setup_has_no_network_unless_it_is_given(repo, opened):
    setup = "wc -l < /proc/net/dev"
    closed = await opened(repo, run="closed", setup=setup)
    shared = await opened(repo, run="shared", setup=setup, setup_network=True)
    lines = [int(o.setup.completed.output) for o in (closed, shared)]
    assert lines[0] == 3  # two of heading, and the loopback
    assert lines[1] == len(Path("/proc/net/dev").read_text().splitlines())


STAMP = "mkdir -p env && head -c 16 /dev/urandom | od -An -tx1 > env/stamp && echo made"


async def stamp_of(workspaces, opening):
    workspace = opening.workspace
    view = await workspaces.view(workspace, workspace.snapshot)
    return (view.path / "env/stamp").read_text()


async def test_an_environment_that_locks_pin_is_made_once(
    new_repo, opened, workspaces, state, sandbox
):
    repo = new_repo({"uv.lock": "one\n", "a.py": "a\n"})
    first = await opened(repo, run="first", setup=STAMP)
    assert first.setup.completed.output == b"made\n"
    await workspaces.close("first")
    repo.commit({"a.py": "other\n"})
    again = await Workspaces(state, sandbox).open(
        OpenWorkspace(run="again", repo=str(repo.path), setup=STAMP)
    )
    assert again.setup is None
    view = await workspaces.view(again.workspace, again.workspace.snapshot)
    assert (view.path / "a.py").read_text() == "other\n"
    lease = await workspaces.begin(again.workspace, again.workspace.snapshot, "c")
    assert await lease.snapshot() == again.workspace.snapshot
    stamp = await stamp_of(workspaces, again)
    repo.commit({"uv.lock": "two\n"})
    locked = await opened(repo, run="locked", setup=STAMP)
    other = await opened(repo, run="other", setup=STAMP + " ")
    assert len({stamp, *[await stamp_of(workspaces, o) for o in (locked, other)]}) == 3


@pytest.mark.parametrize(("files", "setup"), [({"a.py": "a"}, STAMP), ({"uv.lock": "1"}, None)])
async def test_an_environment_is_not_kept_without_lock_or_success(
    new_repo, opened, workspaces, files, setup
):
    repo = new_repo(files)
    setup = setup or STAMP + "; exit 1"
    first, second = [await opened(repo, run=name, setup=setup) for name in ("one", "two")]
    assert second.setup is not None
    assert await stamp_of(workspaces, first) != await stamp_of(workspaces, second)


async def test_an_environment_that_does_not_fit_the_commit_is_made_anew(
    new_repo, opened, workspaces
):
    repo = new_repo({"uv.lock": "1\n"})
    await opened(repo, run="one", setup=STAMP)
    repo.commit({"env": "a file now\n"})
    opening = await opened(repo, run="two", setup="test -f env && " + STAMP)
    assert opening.setup.completed.exit_code != 0
    opening = await opened(repo, run="three", setup=STAMP)
    view = await workspaces.view(opening.workspace, opening.workspace.snapshot)
    assert (view.path / "env").read_text() == "a file now\n"
    assert opening.setup is not None


async def test_files_of_setup_too_large_to_be_tracked_are_no_problem(repo, opened, workspaces):
    opening = await opened(repo, setup="truncate -s 200M model.bin")
    lease = await workspaces.begin(opening.workspace, opening.workspace.snapshot, "c")
    assert await lease.snapshot() == opening.workspace.snapshot


@pytest.fixture
def open_state():
    """A state directory that every user can reach: Landlock shows it at its own path."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


async def test_setup_at_the_landlock_level_warns_of_paths(repo, landlock, open_state):
    workspaces = Workspaces(open_state, landlock)
    opening = await workspaces.open(
        OpenWorkspace(run="r1", repo=str(repo.path), setup="mkdir env && echo 1 > env/x")
    )
    assert opening.setup.completed.exit_code == 0, opening.setup.completed.output
    assert any("without bubblewrap" in note for note in opening.notes)
    checked = await workspaces.check(
        RunCheck(
            workspace=opening.workspace,
            snapshot=opening.workspace.snapshot,
            command="cat env/x && git status --short && echo 2 > a.txt && git diff --stat",
            name="check",
        )
    )
    done = checked.as_is.completed
    assert done.exit_code == 0, done.output
    assert b"a.txt | 2 +-" in done.output


async def test_a_lock_that_names_a_forbidden_run_is_an_error(repo, workspaces):
    with pytest.raises(CadreError):
        await workspaces.open(OpenWorkspace(run="r1", name="../x", repo=str(repo.path)))
