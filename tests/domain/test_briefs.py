from cadre.domain import briefs
from cadre.domain.reports import Finding, Review, Severity
from cadre.domain.workspaces import CheckResult, CommandOutcome


def outcome(code: int) -> CommandOutcome:
    return CommandOutcome(command="make check", exit_code=code, seconds=1, tail="boom\n")


def finding(severity: Severity) -> Finding:
    return Finding(severity=severity, path="a.py", line=3, message="wrong")


def test_a_failing_check_is_a_critical_finding_with_its_output() -> None:
    found = briefs.check_finding(CheckResult(as_is=outcome(2)), allow_test_changes=True)
    assert found is not None
    assert found.severity is Severity.CRITICAL
    assert "exits 2" in found.message
    assert "boom" in found.message


def test_a_check_that_passes_only_with_bent_tests_counts_as_failed_unless_allowed() -> None:
    bent = CheckResult(
        as_is=outcome(0), with_base_tests=outcome(1), changed_tests=("tests/test_a.py",)
    )
    found = briefs.check_finding(bent, allow_test_changes=False)
    assert found is not None
    assert "tests/test_a.py" in found.message
    assert briefs.check_finding(bent, allow_test_changes=True) is None
    # Allowed is not hidden: the reviewer reads it.
    assert "tests/test_a.py" in briefs.check_text(bent)


def test_changed_tests_that_were_not_needed_to_pass_do_not_stand_against_it() -> None:
    honest = CheckResult(
        as_is=outcome(0), with_base_tests=outcome(0), changed_tests=("tests/test_a.py",)
    )
    assert briefs.check_finding(honest, allow_test_changes=False) is None


def test_no_check_no_finding() -> None:
    assert briefs.check_finding(None, allow_test_changes=False) is None


def test_an_approval_with_standing_findings_is_none() -> None:
    review = Review(verdict="approve", summary="fine", findings=[finding(Severity.MAJOR)])
    assert briefs.standing(briefs.findings_of(review))


def test_a_verdict_against_the_change_stands_even_without_findings() -> None:
    review = Review(
        verdict="request_changes", summary="not like this", findings=[finding(Severity.MINOR)]
    )
    standing = briefs.standing(briefs.findings_of(review))
    assert [f.message for f in standing] == ["not like this"]


def test_minor_findings_do_not_stand() -> None:
    review = Review(verdict="approve", summary="ok", findings=[finding(Severity.MINOR)])
    assert briefs.standing(briefs.findings_of(review)) == []


def test_each_scout_looks_from_its_own_side() -> None:
    tasks = briefs.scout_tasks("fix it", 3)
    assert len(set(tasks)) == 3
    assert all("fix it" in task for task in tasks)
    assert len(briefs.scout_tasks("fix it", 10)) == 10
