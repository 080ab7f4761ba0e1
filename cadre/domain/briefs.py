"""What the engine tells agents and people about a run: tasks, and the findings of checks."""

from __future__ import annotations

from collections.abc import Sequence

from cadre.domain.integration import ConflictKind, Merged
from cadre.domain.outcomes import AgentResult
from cadre.domain.reports import Finding, Review, Severity, SplitPart
from cadre.domain.turns import ContextItem
from cadre.domain.workspaces import Change, CheckResult, CommandOutcome


def scout_tasks(task: str, count: int) -> list[str]:
    """A task for each scout; several look from different sides, so that they do not repeat."""
    if count == 1:
        return [f"Find out what a plan for this task has to know.\n\nThe task:\n{task}"]
    return [
        f"Find out what a plan for this task has to know. You are scout {n} of {count}: {side}\n\n"
        f"The task:\n{task}"
        for n, side in zip(range(1, count + 1), _sides(count), strict=True)
    ]


def _sides(count: int) -> list[str]:
    sides = [
        "look at the code that the task is about.",
        "look at the tests, and at what the code promises to its callers.",
        "look at how things are built, configured and documented around it.",
        "look at the history and at similar code elsewhere in the repository.",
    ]
    return [sides[n % len(sides)] for n in range(count)]


def plan_task(task: str) -> str:
    """The planner's task."""
    return f"Plan how to do this task, from what the scouts report.\n\nThe task:\n{task}"


def build_task(task: str, check: str | None, feedback: str) -> str:
    """The builder's task; `feedback` is what stood against the build before, if there was one."""
    first = f"Do this task as the plan says.\n\nThe task:\n{task}"
    return _with_check_and_feedback(first, check, feedback)


def work_task(task: str, check: str | None, feedback: str) -> str:
    """The task of an agent that works without a plan."""
    return _with_check_and_feedback(f"Do this task.\n\nThe task:\n{task}", check, feedback)


def stage_task(task: str, gate: str, feedback: str) -> str:
    """The task of a stage's agent; its part of it is what its definition says."""
    first = f"Do your part of this task, as your instructions say.\n\nThe task:\n{task}"
    check = None if gate in ("", "review") else gate
    return _with_check_and_feedback(first, check, feedback)


def split_task(task: str, most: int) -> str:
    """The task of the agent that splits a task, in at most so many parts."""
    return (
        f"Split this task into at least 2 and at most {most} parts, which agents do at the same "
        f"time, each in a copy of its own.\n\nThe task:\n{task}"
    )


def part_task(part: SplitPart, whole: str, check: str | None) -> str:
    """The task of the agent that does one part."""
    first = f"Do this task.\n\nThe task:\n{part.task}"
    if whole:
        first += (
            "\n\nIt is one part of a larger task. Others do the other parts at the same time, in "
            f"copies of their own; leave these to them. The larger task:\n{whole}"
        )
    return _with_check_and_feedback(first, check, "")


def resolve_task(title: str, problem: str, check: str | None) -> str:
    """The task of the agent that puts a merge right."""
    first = (
        "Parts of a task were done at the same time and are being merged. The workspace holds all "
        f"that is merged so far, and now this part: {title}\n\nWhat is wrong:\n{problem}\n\n"
        "Put it right so that both sides do what their reports say. The diffs of both sides "
        "against their common base, and the reports, are above."
    )
    return _with_check_and_feedback(first, check, "")


# What a merge left at a path in conflict, for the agent that resolves it.
CONFLICTS = {
    ConflictKind.CONTENT: "both sides changed the same lines; they stand between markers",
    ConflictKind.BOTH_ADDED: "both sides added it; both stand between markers",
    ConflictKind.BINARY: "both sides changed it and it cannot be merged by lines; it is as ours",
    ConflictKind.DELETED_BY_US: "ours deleted it, theirs changed it; it is as theirs",
    ConflictKind.DELETED_BY_THEM: "theirs deleted it, ours changed it; it is as ours",
    ConflictKind.RENAMED_TWICE: "each side renamed it differently; it is at both places",
    ConflictKind.TYPE: "the sides made different kinds of entry of it; it is as ours",
    ConflictKind.MODE: "the sides disagree whether it is executable; it is as ours",
    ConflictKind.FILE_AND_DIRECTORY: "it stood where the other side has a directory",
}


def merge_text(merged: Merged, theirs: str) -> str:
    """What is in conflict with the commit `theirs`, for the agent that resolves it."""
    lines = [f"- {conflict.path}: {CONFLICTS[conflict.kind]}" for conflict in merged.conflicts]
    more = merged.conflict_count - len(lines)
    lines += [f"- and {more} more files"] if more else []
    return (
        f"These files are in conflict. Their side is commit {theirs} (`git show {theirs}:PATH`). "
        "Markers (<<<<<<< ours, ||||||| base, =======, >>>>>>> theirs) may not be left.\n"
        + "\n".join(lines)
    )


def conflicts_line(merged: Merged) -> str:
    """The conflicts of a merge in one line, for people."""
    named = [f"{conflict.path} ({conflict.kind.value})" for conflict in merged.conflicts[:5]]
    more = merged.conflict_count - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _with_check_and_feedback(first: str, check: str | None, feedback: str) -> str:
    parts = [first]
    if check:
        parts.append(f"The engine will run this check on the result: `{check}`")
    if feedback:
        parts.append(
            "An agent before you has already changed the workspace; what it did is still there, "
            f"its report is above. This stands against it:\n\n{feedback}"
        )
    return "\n\n".join(parts)


def review_task(task: str, base: str, change: Change, check: CheckResult | None) -> str:
    """The reviewer's task, with the engine's own findings."""
    stat = change.stat
    parts = [
        f"Review the change that was made for this task.\n\nThe task:\n{task}",
        f"The change against the base commit {base}: {stat.files} files, +{stat.insertions} "
        f"-{stat.deletions}; the diff is above, `git diff` shows it too.",
        "What the engine found by itself:\n" + check_text(check),
    ]
    return "\n\n".join(parts)


def check_text(check: CheckResult | None) -> str:
    """A check's outcome in words, with the end of its output."""
    if check is None:
        return "No check command was given."
    lines = [command_text(check.as_is)]
    if check.changed_tests:
        lines.append(
            "The change alters or deletes what decides about the check: "
            + ", ".join(check.changed_tests)
        )
    if check.with_base_tests is not None:
        lines.append("With these as they were: " + command_text(check.with_base_tests))
    return "\n".join(lines)


def command_text(outcome: CommandOutcome) -> str:
    """How a command ended, with the end of its output where it failed."""
    if outcome.passed:
        return f"`{outcome.command}` passes ({outcome.seconds:.1f} s)."
    how = "was stopped at its timeout" if outcome.timed_out else f"exits {outcome.exit_code}"
    return f"`{outcome.command}` {how}. The end of its output:\n{outcome.tail.strip()}"


def check_finding(check: CheckResult | None, *, allow_test_changes: bool) -> Finding | None:
    """What a check has against the result. It is the engine's word, so no review is needed."""
    if check is None:
        return None
    if not check.passed:
        message = f"The check fails. {command_text(check.as_is)}"
    elif check.bent and not allow_test_changes:
        message = (
            "The check passes only because of what the change did to the tests: put back as they "
            f"were ({', '.join(check.changed_tests)}), it fails. {check_text(check)}"
        )
    else:
        return None
    return Finding(severity=Severity.CRITICAL, path="", line=None, message=message)


def findings_text(findings: Sequence[Finding]) -> str:
    """Findings as a list that a builder can work off."""
    return "\n".join(
        f"- {f.severity.value}: {f.path}{f':{f.line}' if f.line else ''} {f.message}"
        for f in findings
    )


def findings_of(review: Review) -> list[Finding]:
    """A review's findings; a verdict against the change without any that stands is one itself."""
    if review.verdict == "approve" or standing(review.findings):
        return review.findings
    verdict = Finding(severity=Severity.MAJOR, path="", line=None, message=review.summary)
    return [*review.findings, verdict]


def standing(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that stand against approval, whatever the verdict says."""
    return [f for f in findings if f.severity in (Severity.CRITICAL, Severity.MAJOR)]


def summary_of(result: AgentResult) -> str:
    """What an agent says in its report that it did."""
    return str((result.report or {}).get("summary", ""))


def subject_of(result: AgentResult) -> str:
    """The subject of the commit of what an agent did; not every report has one."""
    return str((result.report or {}).get("subject") or f"Work of {result.agent_id}")


def report_of(result: AgentResult) -> ContextItem:
    """An agent's report as context for another."""
    return ContextItem(title=f"Report of {result.agent_id}", key=result.report_key or "")


def diff_of(change: Change, title: str = "The change as a diff") -> ContextItem:
    """A change as context for an agent: the engine made the diff, but agents wrote its text."""
    return ContextItem(title=title, key=change.diff_key)
