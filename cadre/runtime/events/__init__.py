"""A run's events, read from its workflows' own histories: there is no second log."""

from cadre.runtime.events.cursor import Cursor
from cadre.runtime.events.follow import follow
from cadre.runtime.events.history import HistoryReader
from cadre.runtime.events.reading import Pending, events_so_far, in_order, pending
from cadre.runtime.events.recording import events_of, record_of
from cadre.runtime.events.types import EVENTS, Event

__all__ = [
    "EVENTS",
    "Cursor",
    "Event",
    "HistoryReader",
    "Pending",
    "events_of",
    "events_so_far",
    "follow",
    "in_order",
    "pending",
    "record_of",
]
