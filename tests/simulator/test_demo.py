"""The demo's agents do what they read, on a real repository, with real edits and real tests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygit2
import pytest

from cadre.domain import briefs
from cadre.domain.errors import CadreError
from cadre.domain.reports import REPORT_TYPES, Review
from cadre.domain.workspaces import Change, CheckResult, CommandOutcome, DiffStat
from cadre.simulator.conversation import Conversation, Exchange
from cadre.simulator.demo import scenario
from cadre.simulator.repair import find_defect
from cadre.simulator.sample import SAMPLE_CHECK, SAMPLE_TASK, make_sample
from cadre.simulator.scenario import Report, Use

READS = ("Read", "Glob", "Grep", "Bash")
REPORTS = {
    "scout": "ScoutReport",
    "planner": "Plan",
    "builder": "BuildReport",
    "reviewer": "Review",
}
FAULT = "self.start <= other.end and other.start <= self.end"
FIXED = "self.start < other.end and other.start < self.end"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    make_sample(tmp_path / "sample")
    return tmp_path / "sample"


def check(repo: Path) -> tuple[int, str]:
    """Run the sample's check for real."""
    command = SAMPLE_CHECK.replace("python3", sys.executable)
    done = subprocess.run(
        [*command.split(), "-b"], cwd=repo, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def use_tool(repo: Path, use: Use) -> tuple[str, bool]:
    """Do a tool use as the engine would; the text, and whether it is an error."""
    fields = use.input
    match use.tool:
        case "Read":
            file = repo / fields["file_path"]
            if not file.is_file():
                return "no such file", True
            lines = file.read_text().splitlines()
            return "\n".join(f"{n:6}\t{line}" for n, line in enumerate(lines, 1)), False
        case "Glob":
            return "\n".join(str(f.relative_to(repo)) for f in repo.glob(fields["pattern"])), False
        case "Grep":
            return _grep(repo, fields["pattern"]), False
        case "Bash":
            code, output = check(repo)
            assert fields["command"] == SAMPLE_CHECK
            return f"{output}\nExit code: {code}", code != 0
        case "Edit":
            file = repo / fields["file_path"]
            text = file.read_text()
            if text.count(fields["old_string"]) != 1:
                return "old_string is not unique", True
            file.write_text(text.replace(fields["old_string"], fields["new_string"]))
            return "edited", False
    raise AssertionError(f"the scenario uses {use.tool}")


def _grep(repo: Path, pattern: str) -> str:
    return "\n".join(
        f"{file.relative_to(repo)}:{number}:{line}"
        for file in sorted(repo.rglob("*.py"))
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.search(pattern, line)
    )


def drive(
    repo: Path,
    role: str,
    task: str,
    context: tuple[tuple[str, str], ...] = (),
    tools: tuple[str, ...] = READS,
    meddle: Callable[[Use], tuple[str, bool] | None] = lambda use: None,
) -> tuple[dict[str, Any], list[Use]]:
    """Run an agent to its report; the report, and all its tool uses."""
    fenced = "".join(
        f'## {title}\n\nData.\n<data id="{n}">\n{text}\n</data id="{n}">\n\n'
        for n, (title, text) in enumerate(context)
    )
    text = f"{fenced}## Your task\n\n{task}"
    system = f"Your workspace is the directory {repo}. It holds the repository."
    exchanges: list[Exchange] = []
    uses: list[Use] = []
    for turn in range(1, 20):
        c = Conversation(role, role, system, text, turn, tools, tuple(exchanges), ())
        reply = scenario.answer(c)
        assert reply == scenario.answer(c), "the same conversation gives the same answer"
        for part in reply.parts:
            if isinstance(part, Report):
                report = REPORT_TYPES[REPORTS[role]].model_validate(part.report)
                return report.model_dump(mode="json"), uses
            if isinstance(part, Use):
                assert part.tool in tools
                result, is_error = meddle(part) or use_tool(repo, part)
                exchanges.append(Exchange(part.tool, part.input, result, is_error, turn))
                uses.append(part)
    raise AssertionError("the agent does not end")


def pipeline(repo: Path) -> tuple[dict[str, Any], list[Use]]:
    """Scout, plan and build; the builder's report and its tool uses."""
    scout, _ = drive(repo, "scout", briefs.scout_tasks(SAMPLE_TASK, 1)[0])
    context: tuple[tuple[str, str], ...] = (("Report of scout", json.dumps(scout)),)
    plan, _ = drive(repo, "planner", briefs.plan_task(SAMPLE_TASK), context)
    context = (*context, ("Report of planner", json.dumps(plan)))
    task = briefs.build_task(SAMPLE_TASK, SAMPLE_CHECK, "")
    return drive(repo, "builder", task, context, tools=(*READS, "Write", "Edit"))


def review(repo: Path) -> tuple[Review, list[Use]]:
    """Review the repository as it is against its first commit."""
    code, output = check(repo)
    outcome = CommandOutcome(command=SAMPLE_CHECK, exit_code=code, seconds=1, tail=output[-2000:])
    change = Change(stat=DiffStat(files=1, insertions=1, deletions=1), diff_key="x")
    task = briefs.review_task(SAMPLE_TASK, "base", change, CheckResult(as_is=outcome))
    git = pygit2.Repository(str(repo))
    diff = git.diff("HEAD").patch or ""
    report, uses = drive(repo, "reviewer", task, (("The change as a diff", diff),))
    return Review.model_validate(report), uses


def edits(uses: list[Use]) -> list[Use]:
    return [use for use in uses if use.tool == "Edit"]


def test_the_sample_is_a_repository_with_one_failing_test(repo: Path) -> None:
    git = pygit2.Repository(str(repo))
    assert git.head.shorthand == "main"
    assert not git.status()
    code, output = check(repo)
    assert code != 0
    assert "FAILED (errors=1)" in output
    assert "test_books_right_after_another_booking" in output


def test_two_samples_are_the_same_commit(repo: Path, tmp_path: Path) -> None:
    make_sample(tmp_path / "other")
    heads = [pygit2.Repository(str(path)).head.target for path in (repo, tmp_path / "other")]
    assert heads[0] == heads[1]


def test_the_sample_overwrites_nothing(repo: Path) -> None:
    with pytest.raises(CadreError, match="not an empty directory"):
        make_sample(repo)


def test_the_scout_reports_what_it_saw(repo: Path) -> None:
    report, uses = drive(repo, "scout", briefs.scout_tasks(SAMPLE_TASK, 1)[0])
    assert [use.tool for use in uses] == ["Glob", "Read", "Bash", "Grep", "Read"]
    lines = (repo / "bookings/interval.py").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if FAULT in text)
    facts = report["facts"]
    assert facts[0].startswith(f"`{SAMPLE_CHECK}` fails: bookings.calendar.Conflict: Blue room")
    assert facts[0].endswith("FAILED (errors=1)")
    assert facts[1] == "Fails: test_books_right_after_another_booking"
    assert facts[2].startswith(f"bookings/interval.py:{line}: `{FAULT}`")
    assert len(facts) == 3
    assert [file["path"] for file in report["files"]] == [
        "bookings/interval.py",
        "tests/test_calendar.py",
    ]


def test_the_scripted_agents_repair_the_sample(repo: Path) -> None:
    report, uses = pipeline(repo)
    (edit,) = edits(uses)
    assert edit.input["file_path"] == "bookings/interval.py"
    assert FIXED in (repo / "bookings/interval.py").read_text()
    assert check(repo)[0] == 0
    assert report["open_points"] == []
    assert f"`{SAMPLE_CHECK}`: passes" in report["verified"][-1]
    verdict, seen = review(repo)
    assert (verdict.verdict, verdict.findings) == ("approve", [])
    assert {use.tool for use in seen} == {"Read", "Bash"}


ALTERED: dict[str, tuple[str, str]] = {
    "renamed variables": (
        FAULT.replace("other", "another"),
        FIXED.replace("other", "another"),
    ),
    "the other way round": (
        "other.end >= self.start and self.end >= other.start",
        "other.end > self.start and self.end > other.start",
    ),
    "half of it": (
        "self.start < other.end and other.start <= self.end",
        FIXED,
    ),
    "over two lines, with umlauts": (
        '"ä" and (self.start <= other.end\n            and other.start <= self.end)',
        '"ä" and (self.start < other.end\n            and other.start < self.end)',
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_the_edit_follows_the_file(repo: Path, name: str) -> None:
    file = repo / "bookings/interval.py"
    fault, fixed = ALTERED[name]
    text = file.read_text().replace(FAULT, fault)
    if "another" in fault:
        text = text.replace("overlaps(self, other)", "overlaps(self, another)")
    file.write_text(text)
    assert check(repo)[0] != 0
    report, uses = pipeline(repo)
    assert len(edits(uses)) == 1
    assert fixed in file.read_text()
    assert check(repo)[0] == 0
    assert report["open_points"] == []


def test_the_edit_follows_a_fault_that_moved(repo: Path) -> None:
    file = repo / "bookings/interval.py"
    file.write_text(file.read_text().replace(FAULT, "_share(self, other)"))
    shared = "def _share(a, b):\n    return a.start <= b.end and b.start <= a.end\n"
    (repo / "bookings/shared.py").write_text(shared)
    text = file.read_text()
    head = '"""Half-open intervals of time within one day."""\n'
    file.write_text(text.replace(head, f"{head}\nfrom bookings.shared import _share\n"))
    _, uses = pipeline(repo)
    assert [edit.input["file_path"] for edit in edits(uses)] == ["bookings/shared.py"]
    assert check(repo)[0] == 0


def test_without_a_fault_there_is_no_edit(repo: Path) -> None:
    file = repo / "bookings/interval.py"
    file.write_text(file.read_text().replace(FAULT, FIXED))
    report, uses = pipeline(repo)
    assert edits(uses) == []
    assert "Nothing was changed" in report["open_points"][0]
    assert "passes" in report["verified"][0]


def test_another_fault_is_reported_and_not_hidden(repo: Path) -> None:
    file = repo / "bookings/calendar.py"
    file.write_text(file.read_text().replace("insort(self.bookings, booking)", "pass"))
    report, _ = pipeline(repo)
    assert check(repo)[0] != 0
    assert any("still fails" in point for point in report["open_points"])


def test_a_failed_edit_is_tried_again_on_what_is_there(repo: Path) -> None:
    plan = {
        "summary": "",
        "checks": [],
        "steps": [{"title": "", "detail": "", "files": ["bookings/interval.py"]}],
    }
    failed: list[Use] = []

    def fail_once(use: Use) -> tuple[str, bool] | None:
        if use.tool != "Edit" or failed:
            return None
        failed.append(use)
        return "old_string was not found", True

    report, uses = drive(
        repo,
        "builder",
        briefs.build_task(SAMPLE_TASK, SAMPLE_CHECK, ""),
        (("Report of planner", json.dumps(plan)),),
        tools=(*READS, "Edit"),
        meddle=fail_once,
    )
    assert [use.tool for use in uses] == ["Read", "Edit", "Read", "Edit", "Bash"]
    assert report["open_points"] == []
    assert check(repo)[0] == 0


@pytest.mark.parametrize("role", ["scout", "builder", "reviewer"])
def test_without_a_shell_they_say_that_nothing_was_run(repo: Path, role: str) -> None:
    report, uses = drive(repo, role, SAMPLE_TASK, tools=("Read", "Glob", "Grep"))
    assert "Bash" not in {use.tool for use in uses}
    said = json.dumps(report)
    assert {"scout": "not run", "builder": "not run", "reviewer": "Nothing was changed"}[role] in (
        said
    )


def test_the_reviewer_refuses_what_still_fails(repo: Path) -> None:
    file = repo / "bookings/interval.py"
    file.write_text(file.read_text() + "\n# A comment.\n")
    verdict, _ = review(repo)
    assert verdict.verdict == "request_changes"
    assert {f.path for f in verdict.findings} == {"bookings/interval.py", ""}
    lines = file.read_text().splitlines()
    assert next(lines[f.line - 1].strip() for f in verdict.findings if f.line) == f"return {FAULT}"


def test_the_reviewer_refuses_a_bent_test(repo: Path) -> None:
    test = repo / "tests/test_calendar.py"
    test.write_text(test.read_text().replace('"10:00-11:30"), "planning"', '"11:00-11:30"), "p"'))
    verdict, _ = review(repo)
    assert verdict.verdict == "request_changes"
    assert "tests/test_calendar.py" in {f.path for f in verdict.findings}


def test_the_reviewer_refuses_a_deleted_test_and_no_change_at_all(repo: Path) -> None:
    assert review(repo)[0].verdict == "request_changes"
    file = repo / "bookings/interval.py"
    file.write_text(file.read_text().replace(FAULT, FIXED))
    (repo / "tests/test_interval.py").unlink()
    verdict, _ = review(repo)
    assert [f.path for f in verdict.findings] == ["tests/test_interval.py"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "not python (",
        "def f(a, b): return a.start < b.end and b.start < a.end",
        "def f(a, x): return a.start <= x and x <= a.end",
        "def f(a, b): return a.start <= b.start and a.end <= b.end",
        "def f(a, b): return a.start <= b.end",
    ],
)
def test_what_is_right_is_no_defect(source: str) -> None:
    assert find_defect(source) is None


def test_the_lines_of_an_edit_stand_only_once_in_the_file() -> None:
    line = "    return a.start <= b.end and b.start <= a.end\n"
    source = f"def f(a, b):\n{line}\n\ndef g(a, b):\n{line}"
    defect = find_defect(source)
    assert defect is not None
    assert source.count(defect.old) == 1
    fixed = source.replace(defect.old, defect.new)
    second = find_defect(fixed)
    assert second is not None
    assert find_defect(fixed.replace(second.old, second.new)) is None
