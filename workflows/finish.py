"""How a run ends: branches with what there is, a record, and nothing left behind."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow

from cadre.domain.outcomes import Ending, RunResult, RunStatus
from cadre.domain.render import cell, result_details
from cadre.domain.runs import RecordRun
from workflows import files, gateway
from workflows.branch import Branch, deliver
from workflows.decisions import Decisions
from workflows.display import Display


async def finish(
    run: str,
    ending: Ending,
    branches: Sequence[Branch],
    decisions: Decisions,
    display: Display,
) -> RunResult:
    """Keep what there is on branches, the main one last, write the record, clear the workspaces
    away. What could not be kept stays where it is, and the run has failed."""
    ledger = display.ledger
    delivery, failures = await deliver(branches)
    if failures:
        ending = Ending(status=RunStatus.FAILED, summary="; ".join(failures))
    elif branches and delivery is None:
        ledger.notes.append("nothing was changed, so there is no branch")
    await decisions.answered()
    ledger.notes += [f"refused: {cell(r.why)}" for r in decisions.refusals]
    base = branches[-1].workspace.base if branches else ""
    result = ledger.result(run, ending, base, delivery)
    display.enter(ending.status)
    await gateway.record_run(RecordRun(run=run, result=result))
    if not failures:  # also what a cancelled opening began
        await files.close_workspace(run)
    workflow.set_current_details(result_details(result))
    return result
