"""The demo's scout and planner: they find the cause in what they read."""

from __future__ import annotations

import re

from cadre.domain.reports import Plan, PlanStep, RelevantFile, ScoutReport
from cadre.simulator.conversation import Conversation
from cadre.simulator.demo_reading import (
    MAX_FILES,
    check_command,
    defects,
    failing_tests,
    is_test,
    passed,
    paths_in,
    tail,
)
from cadre.simulator.scenario import Answer, Report, Say, Think, Use, answer

_FACT = re.compile(r"(?P<path>[^\s:]+):(?P<line>\d+): `(?P<expression>.+?)` ")


def scout(c: Conversation) -> Answer:
    """Look around, run the tests, read what compares, report."""
    if not c.exchanges:
        return answer(
            Say("I look at what there is."),
            Use("Glob", {"pattern": "**/*.py"}),
            Use("Read", {"file_path": "README.md"}),
        )
    if not c.results_of("Grep"):
        run = [Use("Bash", {"command": check_command(c)})] if "Bash" in c.tools else []
        search = {"pattern": r"[<>]=", "glob": "*.py", "output_mode": "content", "-n": True}
        return answer(Think("Which test fails, and who compares?"), *run, Use("Grep", search))
    code = [path for path in _found(c) if not is_test(path)][:MAX_FILES]
    unread = [path for path in code if not c.results_of("Read", file_path=path)]
    if unread:
        return answer(Say("I read what compares."), *_reads(unread))
    return answer(Think("That is enough for a plan."), Report(_scout_report(c)))


def plan(c: Conversation) -> Answer:
    """Check the scouts' finding against the file, and plan the repair."""
    places = _places(c)
    unread = [path for path in places if not c.results_of("Read", file_path=path)]
    if unread and "Read" in c.tools:
        return answer(Say("I check what the scouts saw."), *_reads(unread[:MAX_FILES]))
    return answer(Report(_plan(c, places)))


def _reads(paths: list[str]) -> list[Use]:
    return [Use("Read", {"file_path": path}) for path in paths]


def _found(c: Conversation) -> list[str]:
    return [path for grep in c.results_of("Grep") for path in paths_in(c, grep.result)]


def _scout_report(c: Conversation) -> dict[str, object]:
    run = c.result_of("Bash")
    facts, risks = [], []
    if run is None:
        risks.append("The tests were not run: there was no shell.")
    else:
        word = "passes" if passed(run) else "fails"
        facts.append(f"`{run.input['command']}` {word}: {tail(run.result)}")
        facts += [f"Fails: {name}" for name in failing_tests(run.result)]
    found = defects(c.results_of("Read"))
    for path, defect in found:
        facts.append(
            f"{path}:{defect.line}: `{defect.expression}` holds for intervals that only touch; "
            f"half-open ones need `{defect.correct}`"
        )
    if not found:
        risks.append("No comparison was found that takes touching intervals for overlapping ones.")
    files = [RelevantFile(path=path, why="It holds the faulty comparison.") for path, _ in found]
    tests = [path for path in paths_in(c, run.result) if is_test(path)] if run else []
    files += [RelevantFile(path=path, why="It shows the fault.") for path in tests]
    cause = f"The cause is in {found[0][0]}." if found else "The cause was not found."
    report = ScoutReport(summary=cause, facts=facts, files=files, risks=risks)
    return report.model_dump(mode="json")


def _places(c: Conversation) -> list[str]:
    facts = [str(fact) for report in c.reports for fact in report.get("facts", [])]
    return list(dict.fromkeys(m["path"] for fact in facts if (m := _FACT.match(fact))))


def _plan(c: Conversation, places: list[str]) -> dict[str, object]:
    steps = [
        PlanStep(
            title="Compare half-open intervals strictly",
            files=[path],
            detail=f"In {path}, line {defect.line}: replace `{defect.expression}` by "
            f"`{defect.correct}`.",
        )
        for path, defect in defects(c.results_of("Read"))
    ]
    if steps:
        summary = "Touching intervals do not overlap: make the comparison strict."
    else:
        summary = f"No cause is known; the scouts named {', '.join(places) or 'no place'}."
    result = Plan(summary=summary, steps=steps, checks=[check_command(c)])
    return result.model_dump(mode="json")
