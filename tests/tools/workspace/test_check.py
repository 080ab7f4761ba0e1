"""Checks: on a throw-away copy, and against the tests that the base had."""

import pytest

from cadre.domain.workspaces import RunCheck
from cadre.tools.workspace.guard import decides

SUM = "def add(a, b):\n    return a - b\n"
TEST = "from sums import add\nassert add(1, 2) == 3\n"
CHECK = "python3 tests/test_sums.py"


@pytest.fixture
async def workspace(new_repo, opened):
    repo = new_repo({"sums.py": SUM, "tests/test_sums.py": TEST, "Makefile": "t:\n\tfalse\n",
                     "docs/x.md": "x"})  # fmt: skip
    return (await opened(repo)).workspace


@pytest.fixture
def check(workspaces, workspace):
    async def run(files, command=CHECK, **more):
        lease = await workspaces.begin(workspace, workspace.snapshot, "c")
        for name, content in files.items():
            if content is None:
                (lease.path / name).unlink()
            else:
                (lease.path / name).parent.mkdir(exist_ok=True)
                (lease.path / name).write_text(content)
        snapshot = await lease.snapshot()
        await lease.finish(snapshot)
        command = f"export PYTHONPATH=.; {command}"
        return await workspaces.check(
            RunCheck(
                workspace=workspace, snapshot=snapshot, command=command, name="check",
                guard_tests=True, **more,
            )
        )  # fmt: skip

    return run


def passed(ran):
    return None if ran is None else ran.completed.exit_code == 0


async def test_the_base_fails_and_an_honest_repair_passes(check):
    before = await check({})
    assert (passed(before.as_is), before.with_base_tests) == (False, None)
    assert b"AssertionError" in before.as_is.completed.output
    after = await check({"sums.py": SUM.replace("-", "+"), "tests/test_more.py": "assert 1\n"})
    assert (passed(after.as_is), after.with_base_tests, after.changed_tests) == (True, None, ())


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"tests/test_sums.py": "pass\n"}, CHECK),
        ({"tests/test_sums.py": None}, f"if test -e tests/test_sums.py; then {CHECK}; fi"),
        ({"Makefile": "t:\n\ttrue\n"}, "make t"),
    ],
)
async def test_bent_tests_are_seen(check, files, command):
    result = await check(files, command)
    assert (passed(result.as_is), passed(result.with_base_tests)) == (True, False)
    assert result.changed_tests == tuple(files)


async def test_new_configuration_of_tests_is_seen(check):
    command = f"test -e tests/conftest.py || {CHECK}"
    result = await check({"tests/conftest.py": "raise SystemExit(0)\n"}, command)
    assert (passed(result.as_is), passed(result.with_base_tests)) == (True, False)
    assert result.changed_tests == ("tests/conftest.py",)


async def test_a_repair_with_changed_tests_passes_both(check):
    result = await check({"sums.py": SUM.replace("-", "+"), "tests/test_sums.py": TEST + "\n"})
    assert (passed(result.as_is), passed(result.with_base_tests)) == (True, True)


async def test_a_check_leaves_no_trace(check, workspaces, workspace, state):
    result = await check({}, "git status --short && rm -rf * && mkdir cache && touch x && ls -A")
    assert result.as_is.completed.output.split() == [b".git", b"cache", b"x"]
    view = await workspaces.view(workspace, workspace.snapshot)
    assert (view.path / "sums.py").read_text() == SUM
    assert list(state.glob("runs/r1/main/check.*")) == []
    assert list(state.glob("runs/r1/trash/*")) == []


async def test_a_check_that_hangs_is_ended(check):
    result = await check({}, "echo on; sleep 600", timeout_seconds=0.5)
    assert result.as_is.completed.timed_out
    assert result.as_is.completed.output == b"on\n"


@pytest.mark.parametrize(
    ("path", "command", "expected"),
    [
        ("tests/data/x.json", "true", True),
        ("pkg/test_a.py", "true", True),
        ("pkg/a_test.go", "true", True),
        ("src/a.spec.ts", "true", True),
        ("src/__tests__/a.js", "true", True),
        ("conftest.py", "true", True),
        ("jest.config.mjs", "true", True),
        ("src/testing_ground.py", "true", False),
        ("latest.py", "true", False),
        ("Makefile", "make check", True),
        ("Makefile", "pytest -q", False),
        ("package.json", "CI=1 npm test", True),
        ("pyproject.toml", "python -m pytest", True),
        ("pyproject.toml", ".venv/bin/pytest", True),
        ("scripts/verify.sh", "bash ./scripts/verify.sh -v", True),
        ("scripts/verify.sh", "scripts/", True),
        ("scripts/verify.sh", "echo 'scripts/other.sh'", False),
    ],
)
def test_what_decides_about_a_check(path, command, expected):
    assert decides(path, command) is expected
