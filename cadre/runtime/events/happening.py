"""What all events have in common: their place, their category, and a summary."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from cadre.domain.base import Value

Close = Literal["completed", "failed", "cancelled", "terminated", "timed out", "continued as new"]
How = Literal["failed", "timed out", "cancelled"]


class Place(Value):
    """Where an event stands, and when it happened (UTC).

    `workflow`, `run_id` and `event_id` are Temporal's, so that a reader can go on after it;
    `agent_id` is empty for the run's own workflow.
    """

    workflow: str
    run_id: str
    event_id: int
    time: datetime
    agent_id: str = ""


class Happening(Value):
    """Something that happened; `summary` tells it in at most 15 words.

    Each kind of event has a `category` as well, which is one of eight: agent_created,
    agent_updated, agent_status_change, agent_log, chat_stream, typing_indicator, system_log, error.
    """

    at: Place
    summary: str = ""
