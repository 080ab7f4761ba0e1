"""What a run asks a person, on a real server: whatever comes in, and whenever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from cadre.domain.decisions import Choice, Decided, Decision, Question
from cadre.domain.outcomes import RunResult, RunStatus
from cadre.runtime.events import events_of
from cadre.runtime.events import types as e
from tests.workflows.course import agents, asked, run
from tests.workflows.scripted import Script
from tests.workflows.test_fan_out import asked_questions, wanted

YES = {"id": "parts", "verdict": "approve", "by": "me"}
WRONG: list[Any] = [
    {}, "yes", None, 7, [True], {"id": "parts"}, {"id": "parts", "verdict": "approve"},
    YES | {"verdict": "perhaps"}, YES | {"by": ""}, YES | {"more": 1}, YES | {"id": ["parts"]},
    YES | {"id": "other"}, YES | {"verdict": "edit"}, YES | {"subject_sha256": "0" * 64},
]  # fmt: skip


@asynccontextmanager
async def waiting(
    client: Client, script: Script, **policy: Any
) -> AsyncIterator[tuple[WorkflowHandle[Any, RunResult], Question]]:
    """A run that asks whether its parts shall start."""
    spec = wanted(tasks=(), task="do it all", **policy)
    async with script.worker(client, spec.run):
        await client.start_workflow("fan-out", spec, id=spec.run, task_queue=spec.run)
        handle = client.get_workflow_handle(spec.run, result_type=RunResult)
        [question] = await asked_questions(client, spec.run)
        yield handle, question


@pytest.mark.parametrize("given", WRONG)
async def test_what_is_no_decision_is_refused_and_the_run_waits_on(
    client: Client, given: Any
) -> None:
    result = await decided(client, [given])
    assert result == (RunStatus.APPROVED, ["refused", "taken"])


async def test_of_two_at_the_same_time_one_counts(client: Client) -> None:
    said = [YES | {"verdict": verdict, "by": verdict} for verdict in ("approve", "reject")]
    status, taken = await decided(client, said, last=False)
    assert sorted(taken) == ["refused", "taken"]
    assert status in (RunStatus.APPROVED, RunStatus.REJECTED)
    assert (taken[0] == "taken") == (status is RunStatus.APPROVED)


async def decided(
    client: Client, given: list[Any], *, last: bool = True
) -> tuple[RunStatus, list[str]]:
    """How a run ends that is given these answers at once, and then a good one."""
    script, spec = Script(agents()), wanted(tasks=(), task="do it all")
    going: asyncio.Task[RunResult] = asyncio.create_task(run(client, script, spec))
    await asked_questions(client, spec.run)
    taken = list(await asyncio.gather(*(tell(client, spec.run, each) for each in given)))
    if last:
        taken.append(await tell(client, spec.run, Decision.model_validate(YES)))
    return (await going).status, taken


async def tell(client: Client, run_id: str, given: Any) -> str:
    try:
        await client.get_workflow_handle(run_id).execute_update("decide", given)
    except WorkflowUpdateFailedError:
        return "refused"
    return "taken"


async def test_a_word_that_comes_before_the_run_does_is_refused(client: Client) -> None:
    script, spec = Script(agents()), wanted(tasks=(), task="do it all")
    await client.start_workflow("fan-out", spec, id=spec.run, task_queue=f"q-{spec.run}")
    good = Decision.model_validate(YES)
    early = asyncio.create_task(tell(client, spec.run, good))
    async with script.worker(client, f"q-{spec.run}"):
        assert await early == "refused"
        await asked_questions(client, spec.run)
        assert asked(script) == ["splitter"]
    async with script.worker(client, f"q-{spec.run}"):
        assert await tell(client, spec.run, good) == "taken", "another worker took over the wait"
        await client.get_workflow_handle(spec.run).result()
        with pytest.raises(RPCError, match="already completed"):
            await tell(client, spec.run, good)


def raw(data: bytes) -> RawValue:
    """A payload with this content, whatever it is."""
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=data))


BAD_SIGNALS: list[tuple[str, list[Any], str]] = [
    ("decide", [], "takes one JSON object, and 0 values came"),
    ("decide", [YES, YES], "takes one JSON object, and 2 values came"),
    ("decide", [raw(b"{'id': parts}")], "Invalid JSON"),
    ("decide", [raw(b"\xff\xfe")], "Invalid JSON"),
    ("other", [YES], "there is 'decide'"),
    *(("decide", [given], "") for given in WRONG),
]


async def test_whatever_a_signal_carries_is_refused_on_the_record(client: Client) -> None:
    async with waiting(client, Script(agents())) as (handle, _):
        for name, given, _ in BAD_SIGNALS:
            await handle.signal(name, args=given)
        shown = await details(handle, "refused")
        for line in ('"id": "parts"', '"verdict": "approve"', '"by": "YOUR NAME"'):
            assert f"\n  {line},\n" in shown
        assert [q.id for q in await asked_questions(client, handle.id)] == ["parts"]
        await handle.signal("decide", YES | {"reason": "looks right"})
        result = await handle.result()
    assert result.status is RunStatus.APPROVED
    refused = [note for note in result.notes if note.startswith("refused: ")]
    assert len(refused) == len(BAD_SIGNALS)
    for note, (_, _, words) in zip(refused, BAD_SIGNALS, strict=True):
        assert words in note
    [decided] = result.decisions
    assert (decided.by, decided.verdict, decided.reason) == ("me", "approve", "looks right")
    assert (decided.kind, decided.signed) == ("go-ahead", False)
    told = await events(client, handle.id)
    assert len([event for event in told if isinstance(event, e.DecisionRefused)]) == len(refused)
    [first, *_] = [event for event in told if isinstance(event, e.DecisionRefused)]
    assert first.summary == "decision refused: the signal takes one JSON object, and 0 values came"


async def events(client: Client, workflow: str) -> list[e.Event]:
    """What the history of a workflow tells."""
    history = await client.get_workflow_handle(workflow).fetch_history()
    return await events_of(history, client.data_converter)


async def details(handle: WorkflowHandle[Any, Any], words: str) -> str:
    """The workflow's current details, once they have these words."""
    async with asyncio.timeout(60):
        while True:
            metadata = await handle.query("__temporal_workflow_metadata")
            shown = str(metadata.current_details)
            if words in shown:
                return shown
            await asyncio.sleep(0.02)


async def test_an_update_is_the_same_for_the_same_word_alone(client: Client) -> None:
    async with waiting(client, Script(agents())) as (handle, question):
        alice = decision(question, "alice")
        first = await update(handle, alice)
        again = await update(handle, alice)
        assert first == again
        assert first.same_word(alice)
        assert first.subject_sha256 == question.subject_sha256
        result = await handle.result()
    assert result.decisions == (first,)
    bob = alice.model_copy(update={"by": "bob", "verdict": Choice.REJECT})
    assert bob.update_id != alice.update_id


def decision(question: Question, by: str, verdict: Choice = Choice.APPROVE) -> Decision:
    return Decision(id=question.id, verdict=verdict, by=by, subject_sha256=question.subject_sha256)


async def update(handle: WorkflowHandle[Any, Any], given: Decision) -> Decided:
    found: Decided = await handle.execute_update(
        "decide", given, id=given.update_id, result_type=Decided
    )
    return found


async def refused(handle: WorkflowHandle[Any, Any], given: Decision) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await update(handle, given)
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause.message


async def test_who_may_decide(client: Client) -> None:
    policy = {"requested_by": "ann", "four_eyes": True, "approvers": ("ann", "ben")}
    async with waiting(client, Script(agents()), **policy) as (handle, question):
        assert "ann wants the run" in await refused(handle, decision(question, "ann"))
        assert "eve may not decide this: ann, ben may" in await refused(
            handle, decision(question, "eve")
        )
        await update(handle, decision(question, "ben"))
        assert (await handle.result()).status is RunStatus.APPROVED


async def test_a_decision_counts_only_when_it_is_checked(client: Client) -> None:
    script = Script(agents(), problem=lambda request: "" if request.decision.token else "no token")
    async with waiting(client, script) as (handle, question):
        unsigned = decision(question, "ann")
        assert await refused(handle, unsigned) == "no token"
        await handle.signal("decide", unsigned)
        await details(handle, "refused: no token")
        await update(handle, unsigned.model_copy(update={"token": "t"}))
        assert (await handle.result()).status is RunStatus.APPROVED


async def test_three_days_with_two_reminders_and_an_escalation(client: Client) -> None:
    script = Script(agents())
    policy = {"approvers": ("ann",), "escalate_to": ("ben",), "escalate_hours": 60}
    async with waiting(client, script, **policy) as (handle, question):
        assert "ben may not" in await refused(handle, decision(question, "ben"))
        await TimeSkipper(client).fast_forward(handle, timedelta(hours=71))
        assert moments(script) == [
            ("asked", ("ann",)), ("reminder", ("ann",)), ("reminder", ("ann",)),
            ("escalated", ("ben",)),
        ]  # fmt: skip
        decided = await update(handle, decision(question, "ben"))
        assert question.asked is not None
        waited = decided.at - question.asked
        assert timedelta(hours=71) <= waited < timedelta(hours=72)
        assert (await handle.result()).status is RunStatus.APPROVED


@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_what_nobody_decides_expires(client: Client, verdict: str) -> None:
    script = Script(agents())
    skipping = TimeSkipper(client, config=TimeSkippingConfig()).client
    policy = {"expire_hours": 72, "on_expiry": verdict, "remind_hours": 0}
    spec = wanted(tasks=(), task="do it all", **policy)
    async with script.worker(client, spec.run):
        result = await skipping.execute_workflow(
            "fan-out", spec, id=spec.run, task_queue=spec.run, result_type=RunResult
        )
    [decided] = result.decisions
    assert (decided.verdict, decided.by) == (verdict, "cadre")
    assert decided.reason == "nobody decided within 72 hours"
    expected = {"approve": RunStatus.APPROVED, "reject": RunStatus.REJECTED}
    assert result.status is expected[verdict]
    assert [moment for moment, _ in moments(script)] == ["asked", "expired"]
    [told] = [x for x in await events(client, spec.run) if isinstance(x, e.QuestionExpired)]
    assert told.summary == (f"parts expired, so {verdict} counts: nobody decided within 72 hours")


def moments(script: Script) -> Sequence[tuple[str, tuple[str, ...]]]:
    return [(notice.moment.value, notice.to) for notice in script.notices]
