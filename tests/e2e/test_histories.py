"""What enters Temporal's histories: references, never transcripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from cadre.domain.base import MAX_PAYLOAD_BYTES
from tests.e2e.harness import SCENARIOS, Home, make_repo


def payloads(message: Message) -> Iterator[Payload]:
    """Every payload anywhere in a message."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        assert field.message_type is not None
        if field.message_type.GetOptions().map_entry:
            values = [v for v in value.values() if isinstance(v, Message)]
        else:
            values = value if field.is_repeated else [value]
        for each in values:
            yield from payloads(each)


def turn_sizes(events: list[HistoryEvent]) -> list[int]:
    """The bytes of an agent's history from each model call to the next."""
    sizes: list[int] = []
    for event in events:
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == "model.call":
            sizes.append(0)
        if sizes:
            sizes[-1] += event.ByteSize()
    return sizes


async def test_turns_cost_the_same_and_no_payload_is_large(tmp_path: Path) -> None:
    lines = "\n".join(f"{n:05} " + "x" * 90 for n in range(210))
    repo = make_repo(tmp_path / "repo", {"long.txt": lines})
    home = Home(tmp_path)
    with home.up("--scenario", SCENARIOS / "long_reader.py") as services:
        shown = home.pipeline(repo, "Read for long", "--id", "long")
        assert shown["status"] == "approved", shown
        client = await Client.connect(services["address"])
        histories = {}
        async for found in client.list_workflows(""):
            handle = client.get_workflow_handle(found.id, run_id=found.run_id)
            histories[found.id] = list((await handle.fetch_history()).events)
    assert set(histories) == {"long", *(f"long/{a['agent']}" for a in shown["agents"])}
    sizes = [len(p.data) for events in histories.values() for e in events for p in payloads(e)]
    assert len(sizes) > 100
    assert max(sizes) <= MAX_PAYLOAD_BYTES
    turns = turn_sizes(histories["long/builder.1"])
    assert len(turns) == 42
    assert turns[39] <= turns[3] * 1.02
    # The transcript did grow all the while.
    written = home.state / "store/runs/long/agents/builder.1/tools"
    assert sum(p.stat().st_size for p in written.iterdir()) > 40 * 19_000
