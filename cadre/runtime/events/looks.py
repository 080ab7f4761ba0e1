"""What activities are at right now, which no history tells: it has them once they have ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import islice

from temporalio.client import Client
from temporalio.service import RPCError

from cadre.runtime.events import types as e
from cadre.runtime.events.reading import Pending, pending
from cadre.runtime.events.words import summary

# Each look is a call to the server, so each time only some are looked at, in turn.
WRITERS_AT_ONCE = 4
OTHERS_AT_ONCE = 1
# (attempt, characters written or None where it waits)
State = tuple[int, int | None]


class Looks:
    """Looks at the workflows of one run that are at work; tells what has changed since."""

    def __init__(self, client: Client) -> None:
        self._client = client
        # By workflow, its latest event; both in the order in which they will be looked at.
        self._writers: dict[str, e.Event] = {}
        self._others: dict[str, e.Event] = {}
        self._seen: dict[tuple[str, str], State] = {}

    def heard(self, event: e.Event) -> None:
        """Take into account who thinks, who does something else, and who has ended."""
        workflow = event.at.workflow
        if isinstance(event, e.Writing | e.Waits):
            return
        self._writers.pop(workflow, None)
        if isinstance(event, e.AgentEnded | e.RunEnded):
            self._others.pop(workflow, None)
        elif isinstance(event, e.ModelAsked):
            self._others.pop(workflow, None)
            self._writers[workflow] = event
        else:
            self._others[workflow] = event

    @property
    def at_once(self) -> int:
        """How many will be looked at next, at least one."""
        writers, others = len(self._writers), len(self._others)
        return max(1, min(writers, WRITERS_AT_ONCE) + min(others, OTHERS_AT_ONCE))

    async def look(self) -> AsyncIterator[e.Event]:
        """Look at some of them: a `writing` or a `waits` for each that has something new."""
        for group, at_once in (self._writers, WRITERS_AT_ONCE), (self._others, OTHERS_AT_ONCE):
            for workflow, latest in list(islice(group.items(), at_once)):
                try:
                    activities = await pending(self._client, workflow)
                except RPCError:
                    continue  # it has ended meanwhile, or the server is away: events will tell
                if group.pop(workflow, None) is None:
                    continue  # it has gone on meanwhile, so this is old
                group[workflow] = latest
                for activity in activities:
                    event = self._new(latest, activity)
                    if event is not None:
                        yield event.model_copy(update={"summary": summary(event)})

    def _new(self, latest: e.Event, activity: Pending) -> e.Writing | e.Waits | None:
        key = (latest.at.workflow, activity.id)
        waits = activity.next_try is not None and bool(activity.why)
        before = self._seen.get(key)
        now: State = (activity.attempt, None if waits else activity.output_chars)
        if now == before:
            return None
        self._seen[key] = now
        here = latest.at.model_copy(update={"event_id": 0, "time": datetime.now(UTC)})
        again = before is not None and before[1] is None
        if waits or (again and not isinstance(latest, e.ModelAsked)):
            return e.Waits(
                at=here,
                turn=latest.turn if isinstance(latest, e.ModelAsked) else None,
                activity=activity.activity,
                attempt=activity.attempt,
                why=activity.why,
                next_try=activity.next_try,
            )
        if isinstance(latest, e.ModelAsked) and (activity.text or before is not None):
            return e.Writing(
                at=here,
                turn=latest.turn,
                attempt=activity.attempt,
                text=activity.text,
                output_chars=activity.output_chars,
            )
        return None
