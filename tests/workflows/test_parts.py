"""Parts that do not come to their work, and results that none of them is in."""

from __future__ import annotations

from temporalio.client import Client

from cadre.domain.outcomes import PartState, RunStatus
from cadre.domain.workspaces import CommandOutcome, OpenedWorkspace, OpenWorkspace
from tests.workflows.changed import Changed
from tests.workflows.course import agents, asked, run
from tests.workflows.scripted import Script
from tests.workflows.test_fan_out import states, wanted


def fails_for_part_2(request: OpenWorkspace, opened: OpenedWorkspace) -> OpenedWorkspace:
    failed = request.name == "2"
    setup = CommandOutcome(
        command="make env", exit_code=int(failed), seconds=1, tail="x" * 1600 + "no such package\n"
    )
    return opened.model_copy(update={"setup": setup})


async def test_a_part_whose_setup_fails_has_no_agent(client: Client) -> None:
    script = Script(agents(), interceptors=(Changed("workspace.open", fails_for_part_2),))
    result = await run(client, script, wanted(setup="make env"))
    assert (result.status, result.summary) == (RunStatus.PARTLY, "2 of 3 parts are in")
    assert states(result) == [PartState.INTEGRATED, PartState.FAILED, PartState.INTEGRATED]
    assert result.parts[1].why.startswith("the setup command failed: xxx")
    assert result.parts[1].why.endswith("no such package")
    assert sorted(asked(script)) == ["worker.1", "worker.3"]


async def test_where_nothing_got_in_there_is_no_check_after(client: Client) -> None:
    """The last check that was run was of a merge that has been undone."""
    good = ("before",)
    script = Script(agents(), check=lambda request: int(request.name not in good))
    result = await run(client, script, wanted(check="make check"))
    assert states(result) == [PartState.LEFT_OUT] * 3
    assert (result.status, result.summary) == (RunStatus.NOT_APPROVED, "0 of 3 parts are in")
    assert result.check_before is not None
    assert result.check_before.passed
    assert (result.check_after, result.findings) == (None, ())
