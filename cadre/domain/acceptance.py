"""A result put before a person: what they are told, and what an agent is told of their answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cadre.domain.budget import Spent
from cadre.domain.decisions import Decision
from cadre.domain.deliveries import DeliveryLine, DeliveryState, Target
from cadre.domain.outcomes import Ending, RunStatus
from cadre.domain.render import cell, spent_line
from cadre.domain.reports import Finding, Severity
from cadre.domain.workspaces import CheckResult, Delivery

MAX_SHOWN_FINDINGS = 10


def approval_text(
    subject: str,
    delivery: Delivery,
    verdict: Ending,
    *,
    check: CheckResult | None,
    spent: Spent,
    targets: Sequence[Target],
    remarks: Iterable[str] = (),
) -> str:
    """The question whether a result is approved, as Markdown."""
    stat = delivery.stat
    files = "1 file" if stat.files == 1 else f"{stat.files} files"
    passed = "passes" if verdict.status is RunStatus.APPROVED else "**does not pass**"
    into = ", ".join(f"`{target}`" for target in targets) or "nothing more: the branch is there"
    facts = [
        f"Branch `{delivery.branch}` at `{delivery.commit}`: {files}, "
        f"+{stat.insertions} −{stat.deletions}",
        f"Review: {passed}: {cell(verdict.summary)}",
        f"Check: {_check_words(check)}",
        f"Cost so far: {spent_line(spent)}",
        f"After approval: {into}",
    ]
    noted = [f"**Note**: {cell(remark, 600)}" for remark in remarks]
    lines = [*noted, *facts, *_findings(verdict)]
    how = (
        f"`approve` delivers exactly this commit. `reject` with a reason has it reworked; without "
        f"one it ends the run. `edit`: you committed on `{delivery.branch}` yourself; your commits "
        "are taken in, checked and reviewed, and you are asked again."
    )
    return "\n\n".join([f"**{cell(subject)}**", "\n".join(f"- {line}" for line in lines), how])


def verdict_text(subject: str, worker: str, verdict: Ending, check: CheckResult | None) -> str:
    """The question whether work is good that its gates do not let pass, as Markdown."""
    facts = [
        f"{worker} says that it is done",
        f"what judges it says: {cell(verdict.summary)}",
        f"Check: {_check_words(check)}",
    ]
    lines = "\n".join(f"- {line}" for line in [*facts, *_findings(verdict)])
    how = (
        "`approve` takes it as it is, and the run goes on. `reject` ends the run as not approved, "
        "with the work on its branch."
    )
    rounds = "1 round" if verdict.rounds == 1 else f"{verdict.rounds} rounds"
    return f"**{cell(subject)}**\n\nAfter {rounds} they are of two minds:\n\n{lines}\n\n{how}"


def _findings(verdict: Ending) -> list[str]:
    lines = [
        f"**{f.severity.value}** {cell(f.path, 200)}{f':{f.line}' if f.line else ''} "
        f"{cell(f.message)}"
        for f in verdict.findings[:MAX_SHOWN_FINDINGS]
    ]
    more = len(verdict.findings) - len(lines)
    return [*lines, f"and {more} more findings"] if more > 0 else lines


def _check_words(check: CheckResult | None) -> str:
    if check is None:
        return "none was given"
    command = cell(check.as_is.command, 100)
    if check.bent:
        return f"`{command}` passes with changed tests only"
    return f"`{command}` {'passes' if check.passed else 'fails'}"


def rejection(decision: Decision) -> Finding:
    """A person's reasons as what the next agent has to work off."""
    said = f"{decision.by} rejects this: {decision.reason}"
    return Finding(severity=Severity.CRITICAL, path="", line=None, message=said)


def wished(task: str, decision: Decision) -> str:
    """The task with what a person wants besides, having seen a result of it."""
    return (
        f"{task}\n\nA person ({decision.by}) saw a result of this and rejected it. What they want "
        f"counts as part of the task:\n{decision.reason}"
    )


def unknown_text(line: DeliveryLine) -> str:
    """The question whether a delivery took effect, as Markdown."""
    where = f" What it said is kept as `{line.output_key}`." if line.output_key else ""
    return (
        f"Nobody knows whether the delivery `{line.target}` of commit `{line.commit}` took effect: "
        f"{cell(line.why, 600)}.{where}\n\nLook there, then `approve` if it has: it is taken as "
        "done. `reject` if it has not: you are asked whether to try it again."
    )


def again_text(line: DeliveryLine, branch: str) -> str:
    """The question whether a delivery is tried again, as Markdown."""
    state = "failed" if line.state is DeliveryState.FAILED else "did not take effect"
    return (
        f"The delivery `{line.target}` of commit `{line.commit}` {state}: {cell(line.why, 1200)}"
        "\n\n`approve` tries it again. `reject` ends the run; what was delivered before stays. "
        f"`edit`: you committed on `{branch}`; that is looked at and approved anew."
    )


def conflict_text(target: Target, branch: str, conflicts: str) -> str:
    """What to do about a result that cannot be merged any more."""
    return (
        f"{target.name} has moved and is in conflict with it in {conflicts}: merge {target.name} "
        f"into {branch} in your repository, commit that, and answer `edit`"
    )


def title_of(subject: str) -> str:
    """A title for what is delivered: a task's first line."""
    return cell(next(iter(subject.strip().splitlines()), ""), 100)
