"""The demo's builder and reviewer: they edit, run and judge what is really there."""

from __future__ import annotations

import re

from cadre.domain.reports import BuildReport, Finding, Review, Severity
from cadre.simulator.conversation import Conversation, Exchange
from cadre.simulator.demo_reading import (
    MAX_FILES,
    check_command,
    defects,
    engine_passes,
    is_test,
    passed,
    paths_in,
    tail,
)
from cadre.simulator.scenario import Answer, Report, Say, Think, Use, answer

_MAX_EDITS = 3
_NEW_FILE = re.compile(r"^\+\+\+ (?:b/)?(\S.*?)\t?$", re.MULTILINE)
_OLD_FILE = re.compile(r"^--- (?:a/)?(\S.*?)\t?$", re.MULTILINE)


def build(c: Conversation) -> Answer:
    """Read what the plan names, edit what is faulty there, run the check, report."""
    files = _planned(c)
    edits = c.results_of("Edit")
    reads = [Use("Read", {"file_path": path}) for path in files]
    if files and not c.results_of("Read"):
        return answer(Say("I read what the plan names."), *reads)
    if not c.exchanges:
        return _run_check(c)
    # What was done last decides, whatever was said since: an answer may have been cut off.
    last = c.exchanges[-1]
    if last.tool == "Read":
        found = defects(e for e in c.exchanges if e.turn == last.turn)
        if found and "Edit" in c.tools and len(edits) < _MAX_EDITS:
            path, defect = found[0]
            change = {"file_path": path, "old_string": defect.old, "new_string": defect.new}
            return answer(Think(f"Line {defect.line} is not strict."), Use("Edit", change))
        return _run_check(c)
    if last.tool == "Edit":
        again = last.is_error and len(edits) < _MAX_EDITS
        return answer(Say("The edit failed; I read again."), *reads) if again else _run_check(c)
    if edits and not passed(last) and len(edits) < _MAX_EDITS and not _looked_again(c):
        return answer(Say("The check still fails; I look for what is left."), *reads)
    return answer(Report(_build_report(c)))


def work(c: Conversation) -> Answer:
    """Look for what compares, then do as a builder does."""
    if not c.results_of("Grep") and "Grep" in c.tools:
        search = {"pattern": r"[<>]=", "glob": "*.py", "output_mode": "content", "-n": True}
        return answer(Say("I look for what compares."), Use("Grep", search))
    return build(c)


def review(c: Conversation) -> Answer:
    """Read what was changed, run the check, judge both."""
    changed = _changed(c)
    if not c.exchanges and "Read" in c.tools:
        uses = [Use("Read", {"file_path": path}) for path in changed[:MAX_FILES]]
        if "Bash" in c.tools:
            uses.append(Use("Bash", {"command": check_command(c)}))
        if uses:
            return answer(Say("I read the change and run the check myself."), *uses)
    findings = _findings(c, changed)
    standing = [f for f in findings if f.severity is not Severity.MINOR]
    verdict = Review(
        verdict="request_changes" if standing else "approve",
        summary=standing[0].message if standing else "The change does the task; the check passes.",
        findings=findings,
    )
    return answer(Think("I weigh what I saw."), Report(verdict.model_dump(mode="json")))


def _run_check(c: Conversation) -> Answer:
    if "Bash" not in c.tools:
        return answer(Report(_build_report(c)))
    return answer(Say("I run the check."), Use("Bash", {"command": check_command(c)}))


def _planned(c: Conversation) -> list[str]:
    """The files that the plan names, else those that a scout names, else what was found here."""
    steps = [step for report in c.reports for step in report.get("steps", [])]
    planned = [str(path) for step in steps for path in step["files"]]
    seen = [str(file["path"]) for report in c.reports for file in report.get("files", [])]
    found = [path for grep in c.results_of("Grep") for path in paths_in(c, grep.result)]
    code = [path for path in seen or found if not is_test(path)]
    return list(dict.fromkeys(planned or code))[:MAX_FILES]


def _looked_again(c: Conversation) -> bool:
    """Whether the files were read after the last edit, so that nothing is left to find."""
    edits, reads = c.results_of("Edit"), c.results_of("Read")
    return reads[-1].turn > edits[-1].turn


def _build_report(c: Conversation) -> dict[str, object]:
    done = [edit for edit in c.results_of("Edit") if not edit.is_error]
    paths = list(dict.fromkeys(str(edit.input["file_path"]) for edit in done))
    runs = c.results_of("Bash")
    verified = [f"`{run.input['command']}`: {_word(run)} ({tail(run.result)})" for run in runs]
    open_points = []
    if not done:
        open_points.append("Nothing was changed: the fault that the plan names was not found.")
    if not runs:
        open_points.append("The check was not run.")
    elif not passed(runs[-1]):
        open_points.append(f"The check still fails: {tail(runs[-1].result)}")
    changes = "; ".join(
        f"{edit.input['file_path']}: `{str(edit.input['new_string']).strip()}`" for edit in done
    )
    report = BuildReport(
        summary=f"Intervals that only touch do not overlap. {changes}" if done else "No change.",
        subject="Let touching intervals not overlap" if paths else "Change nothing",
        verified=verified,
        open_points=open_points,
    )
    return report.model_dump(mode="json")


def _word(run: Exchange) -> str:
    return "passes" if passed(run) else "fails"


def _changed(c: Conversation) -> list[str]:
    diff = c.section("diff")
    return [path for path in _NEW_FILE.findall(diff) if path != "/dev/null"]


def _findings(c: Conversation, changed: list[str]) -> list[Finding]:
    found = []
    touched = dict.fromkeys([*changed, *_OLD_FILE.findall(c.section("diff"))])
    if not changed:
        found.append(_critical("", "Nothing was changed, so the task is not done."))
    found += [
        _critical(path, "A test was changed, which the task forbids.")
        for path in touched
        if path != "/dev/null" and is_test(path)
    ]
    for path, defect in defects(c.results_of("Read")):
        message = f"`{defect.expression}` still holds for intervals that only touch."
        found.append(_critical(path, message, defect.line))
    run = c.result_of("Bash")
    if run is not None and not passed(run):
        found.append(_critical("", f"`{run.input['command']}` fails: {tail(run.result)}"))
    if engine_passes(c) is False:
        found.append(_critical("", "The engine's own check does not pass."))
    return found


def _critical(path: str, message: str, line: int | None = None) -> Finding:
    return Finding(severity=Severity.CRITICAL, path=path, line=line, message=message)
