"""Keeps a run's result small enough for a history, however much there is to tell."""

from __future__ import annotations

from cadre.domain.base import MAX_PAYLOAD_BYTES
from cadre.domain.outcomes import RunResult
from cadre.domain.reports import Finding
from cadre.domain.workspaces import CheckResult, CommandOutcome

# Characters of each text, tried one after another. The last one fits with 64 agents and parts.
STEPS = (2000, 500, 200, 60, 20, 8)
MAX_FINDINGS, MAX_NOTES, MAX_DECISIONS = 20, 62, 12


def fitted(result: RunResult) -> RunResult:
    """The result, with its texts cut as far as it takes."""
    for chars in STEPS:
        if len(result.model_dump_json().encode()) <= MAX_PAYLOAD_BYTES:
            return result
        result = _cut(result, chars)
    return result


def _cut(result: RunResult, chars: int) -> RunResult:
    def short(text: str) -> str:
        return text if len(text) <= chars else text[: chars - 1] + "…"

    def finding(found: Finding) -> Finding:
        return found.model_copy(update={"message": short(found.message), "path": short(found.path)})

    agents = [a.model_copy(update={"why": short(a.why)}) for a in result.agents]
    parts = [
        p.model_copy(update={"why": short(p.why), "title": short(p.title)}) for p in result.parts
    ]
    return result.model_copy(
        update={
            "summary": short(result.summary),
            "findings": tuple(map(finding, result.findings[:MAX_FINDINGS])),
            "check_before": _cut_check(result.check_before, chars),
            "check_after": _cut_check(result.check_after, chars),
            "agents": tuple(agents),
            "parts": tuple(parts),
            "deliveries": tuple(
                d.model_copy(update={"why": short(d.why)}) for d in result.deliveries
            ),
            "notes": tuple(map(short, result.notes[:MAX_NOTES])),
            "decisions": tuple(
                d.model_copy(update={"reason": short(d.reason)})
                for d in result.decisions[-MAX_DECISIONS:]
            ),
        }
    )


def _cut_check(check: CheckResult | None, chars: int) -> CheckResult | None:
    def end_of(outcome: CommandOutcome) -> CommandOutcome:
        return outcome.model_copy(update={"tail": outcome.tail[-chars:]})

    if check is None:
        return None
    again = check.with_base_tests
    return check.model_copy(
        update={
            "as_is": end_of(check.as_is),
            "changed_tests": tuple(path[-chars:] for path in check.changed_tests),
            "with_base_tests": None if again is None else end_of(again),
        }
    )
