"""What people see of a workflow in its search attributes, and what they say to it."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import (
    UpsertWorkflowSearchAttributesEventAttributes,
    WorkflowPropertiesModifiedEventAttributes,
)

from cadre.domain.decisions import SIGNAL
from cadre.domain.errors import CadreError
from cadre.domain.waiting import REFUSED, own_part
from cadre.runtime.events import types as e
from cadre.runtime.events.decode import Decoder

# A search attribute that was taken away.
NOTHING = (b"", b"null", b"[]")


async def shown(
    decoder: Decoder, upsert: UpsertWorkflowSearchAttributesEventAttributes, at: e.Place
) -> e.Event | None:
    """A new status, or another question of this very workflow: an agent's is told by its own."""
    fields = upsert.search_attributes.indexed_fields
    if "CadreWaiting" in fields:
        waits = fields["CadreWaiting"]
        what = "" if waits.data in NOTHING else await decoder.expect([waits], str)
        return e.WaitingChanged(at=at, what=own_part(what))
    if "CadreStatus" not in fields:
        return None
    status = await decoder.expect([fields["CadreStatus"]], str)
    cost = None
    if "CadreCostUsd" in fields:
        cost = await decoder.first([fields["CadreCostUsd"]], float)
    return e.StatusChanged(at=at, status=status, cost_usd=cost)


async def refused(
    decoder: Decoder, changed: WorkflowPropertiesModifiedEventAttributes, at: e.Place
) -> e.DecisionRefused | None:
    """What the workflow noted of a signal that it refused."""
    fields = changed.upserted_memo.fields
    if REFUSED not in fields:
        return None
    return e.DecisionRefused(at=at, why=await decoder.expect([fields[REFUSED]], str))


async def decision(
    decoder: Decoder, name: str, payloads: Sequence[Payload], at: e.Place
) -> e.DecisionReceived | None:
    """A decision as it was sent: what the run made of it is the run's to tell."""
    if name != SIGNAL:
        return None
    try:
        given = await decoder.expect(payloads, dict[str, object])
    except CadreError:
        given = {}
    given.pop("token", None)  # proves who they are, and is nobody else's business
    return e.DecisionReceived(at=at, by=str(given.get("by", "")), given=given)
