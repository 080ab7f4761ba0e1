"""How a run stands or ended, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator

from cadre.domain.outcomes import PartLine, RunResult, RunStatus
from cadre.domain.render import delivery_words, spent_line, tokens, usd
from cadre.domain.workspaces import CheckResult
from starters.console import NOT_APPROVED, OK, clean, one_line
from starters.lines import check_words
from starters.view import AgentView, RunView


def exit_status(result: RunResult | None) -> int:
    """0 only where the review approved and the check, if there is one, passes."""
    if result is None or result.status is not RunStatus.APPROVED:
        return NOT_APPROVED
    after = result.check_after
    return OK if after is None or after.passed else NOT_APPROVED


def summary_lines(view: RunView, ui: str | None) -> Iterator[str]:
    """A run's summary: verdict, branch, checks, use, time, where to look."""
    result = view.end.result if view.end else None
    yield f"run      {view.run}"
    yield f"verdict  {verdict(view)}"
    if result is not None:
        yield from _outcome(result)
    usage = view.usage
    share = f"{usage.cache_share:.0%} of input from cache"
    yield f"use      {view.turns} turns, {tokens(usage.total_tokens)} tokens ({share})"
    if result is not None:
        yield f"cost     {spent_line(result.spent).rpartition(' · ')[2]}"
    else:
        yield f"cost     {usd(view.cost_usd)}"
    yield f"time     {view.seconds:.1f}s{_phases(view)}"
    if ui:
        yield f"UI       {ui}"
    for note in view.notes:
        yield f"note     {one_line(note)}"
    if view.trouble:
        yield f"trouble  {one_line(view.trouble)}"


def verdict(view: RunView) -> str:
    """The status in words, with the reason."""
    end = view.end
    if end is None:
        return view.status
    why = end.result.summary if end.result else end.why
    return f"{view.status}: {one_line(why)}" if why and why != view.status else view.status


def _outcome(result: RunResult) -> Iterator[str]:
    for finding in result.findings:
        place = f"{finding.path}:{finding.line}" if finding.line else finding.path
        yield f"finding  {finding.severity.value} {one_line(f'{place} {finding.message}')}"
    for part in result.parts:
        yield f"part     {part_words(part)}"
    if result.delivery:
        stat = result.delivery.stat
        yield f"branch   {clean(result.delivery.branch)}"
        files = "file" if stat.files == 1 else "files"
        yield f"diff     {stat.files} {files}, +{stat.insertions} −{stat.deletions}"
    for line in result.deliveries:
        yield f"delivery {one_line(delivery_words(line), 300)}"
    yield from _check("before", result.check_before)
    yield from _check("after", result.check_after)


def part_words(part: PartLine) -> str:
    """What became of a part, and where it is if not in the run's branch."""
    state = f"{part.state.value}: {part.why}" if part.why else part.state.value
    where = f" ({part.branch})" if part.branch and not part.state.is_in else ""
    return one_line(f"{part.number} {part.title}: {state}{where}", 300)


def _check(when: str, check: CheckResult | None) -> Iterator[str]:
    if check is not None:
        yield f"check    {when}: {check_words(check)}"


def _phases(view: RunView) -> str:
    spans = [f"{phase} {seconds:.1f}s" for phase, seconds in view.phase_seconds if seconds >= 0.05]
    return f" ({', '.join(spans)})" if spans else ""


def summary_json(view: RunView, ui: str | None) -> dict[str, object]:
    """The same for a script; costs are strings, so that they stay exact."""
    result = view.end.result if view.end else None
    return {
        "run": view.run,
        "pattern": view.pattern,
        "status": view.status,
        "open": view.end is None,
        "started": view.started.isoformat() if view.started else None,
        "seconds": view.seconds,
        "phases": dict(view.phase_seconds),
        "agents": [_agent_json(agent) for agent in view.agents.values()],
        "turns": view.turns,
        "tokens": view.usage.total_tokens,
        "cache_share": view.usage.cache_share,
        "cost_usd": str(result.spent.cost_usd if result else view.cost_usd),
        "why": view.end.why if view.end else "",
        "trouble": view.trouble,
        "ui": ui,
        "result": result.model_dump(mode="json") if result else None,
    }


def _agent_json(agent: AgentView) -> dict[str, object]:
    return {
        "agent": agent.agent_id,
        "role": agent.role,
        "model": agent.model,
        "state": agent.state,
        "doing": agent.now,
        "turns": agent.turn,
        "tokens": agent.usage.total_tokens,
        "cache_share": agent.usage.cache_share,
        "cost_usd": str(agent.cost_usd),
    }
