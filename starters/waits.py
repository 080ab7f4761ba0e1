"""What the activities of a run are at right now, which no event tells: events come when an
activity has ended, however often it was tried before."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import datetime

from temporalio.client import Client
from temporalio.service import RPCError

from cadre.runtime.events import Pending, pending
from starters.view import RunView

# Each look is a call to the server, so with many agents only some are looked at.
AGENTS = 4
RUN = "run"


async def at_work(client: Client, view: RunView) -> AsyncIterator[tuple[str, Pending]]:
    """The pending activities of the run itself and of some of its agents, with whose they are."""
    agents = [agent.agent_id for agent in view.agents.values() if not agent.ended]
    for who in (RUN, *agents[:AGENTS]):
        workflow = view.run if who == RUN else f"{view.run}/{who}"
        try:
            activities = await pending(client, workflow)
        except RPCError:
            continue  # it has ended meanwhile, or the server is away: the events will tell
        for activity in activities:
            yield who, activity


def waiting(activity: Pending, now: datetime) -> str | None:
    """What an activity waits for that failed and is tried again; None where it is at work."""
    if activity.next_try is None or not activity.why:
        return None
    seconds = (activity.next_try - now).total_seconds()
    when = f"next try in {math.ceil(seconds)} s" if seconds > 0 else "next try as a worker is free"
    what = "model" if activity.activity == "model.call" else activity.activity
    return f"waits: {what}: attempt {activity.attempt}, {when}: {activity.why}"
