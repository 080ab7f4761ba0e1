"""The files of the sample repository: a small library with one bug, which one test shows."""

from __future__ import annotations

from cadre.simulator.sample_tests import TEST_CALENDAR, TEST_INTERVAL

_README = """\
# bookings

Books rooms by the clock: a calendar for each room, and reports on how they are used.

    from bookings import Calendar, Interval

    room = Calendar("Blue room")
    room.book(Interval.parse("09:00-10:00"), "stand-up")
    room.book(Interval.parse("10:00-11:30"), "planning")

- Times are minutes since midnight; an interval is half-open: it holds its start, not its end.
  So an interval that starts where another one ends does not overlap it.
- A calendar refuses a booking that overlaps another one, with `Conflict`.

Run the tests with `python3 -m unittest -q`.
"""

_INIT = '''\
"""Room bookings by the clock."""

from bookings.calendar import Booking, Calendar, Conflict
from bookings.interval import Interval

__all__ = ["Booking", "Calendar", "Conflict", "Interval"]
'''

_INTERVAL = '''\
"""Half-open intervals of time within one day."""

from dataclasses import dataclass

MINUTES_PER_DAY = 24 * 60


def parse_clock(text):
    """Minutes since midnight for a clock time such as "09:30"."""
    hours, _, minutes = text.strip().partition(":")
    value = int(hours) * 60 + int(minutes or 0)
    if not 0 <= value <= MINUTES_PER_DAY:
        raise ValueError(f"not a time of day: {text!r}")
    return value


def format_clock(minutes):
    """A clock time such as "09:30"."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


@dataclass(frozen=True, order=True)
class Interval:
    """The minutes from `start` up to, not including, `end`."""

    start: int
    end: int

    def __post_init__(self):
        if self.start >= self.end:
            raise ValueError("an interval ends after it starts")

    @classmethod
    def parse(cls, text):
        """An interval such as "09:00-10:30"."""
        start, _, end = text.partition("-")
        return cls(parse_clock(start), parse_clock(end))

    @property
    def minutes(self):
        """How long it is."""
        return self.end - self.start

    def contains(self, moment):
        """Whether a minute lies in it."""
        return self.start <= moment < self.end

    def overlaps(self, other):
        """Whether two intervals share a minute."""
        return self.start <= other.end and other.start <= self.end

    def __str__(self):
        return f"{format_clock(self.start)}-{format_clock(self.end)}"
'''

_CALENDAR = '''\
"""A room's calendar."""

from bisect import insort
from dataclasses import dataclass, field

from bookings.interval import Interval


class Conflict(Exception):
    """A booking that overlaps another one."""


@dataclass(frozen=True, order=True)
class Booking:
    """An interval taken for a purpose."""

    interval: Interval
    purpose: str


@dataclass
class Calendar:
    """The bookings of one room, in order of time."""

    room: str
    bookings: list[Booking] = field(default_factory=list)

    def book(self, interval, purpose):
        """Take `interval`, or raise Conflict where it is not free."""
        taken = self.conflicts(interval)
        if taken:
            raise Conflict(f"{self.room}: {interval} overlaps {taken[0].interval}")
        booking = Booking(interval, purpose)
        insort(self.bookings, booking)
        return booking

    def cancel(self, booking):
        """Give a booking back."""
        self.bookings.remove(booking)

    def conflicts(self, interval):
        """The bookings that overlap `interval`."""
        return [b for b in self.bookings if b.interval.overlaps(interval)]

    def free(self, within):
        """The free intervals of `within`, in order."""
        gaps, start = [], within.start
        for booking in self.conflicts(within):
            if booking.interval.start > start:
                gaps.append(Interval(start, booking.interval.start))
            start = max(start, booking.interval.end)
        if start < within.end:
            gaps.append(Interval(start, within.end))
        return gaps
'''

_REPORT = '''\
"""How calendars are used, as numbers and as text."""


def used_minutes(calendar):
    """How many minutes are booked."""
    return sum(booking.interval.minutes for booking in calendar.bookings)


def utilisation(calendar, within):
    """The booked share of `within`, from 0 to 1."""
    booked = within.minutes - sum(gap.minutes for gap in calendar.free(within))
    return booked / within.minutes


def agenda(calendar):
    """One line for each booking."""
    return [f"{booking.interval} {booking.purpose}" for booking in calendar.bookings]
'''

FILES = {
    "README.md": _README,
    ".gitignore": "__pycache__/\n*.pyc\n",
    "bookings/__init__.py": _INIT,
    "bookings/interval.py": _INTERVAL,
    "bookings/calendar.py": _CALENDAR,
    "bookings/report.py": _REPORT,
    "tests/__init__.py": "",
    "tests/test_interval.py": TEST_INTERVAL,
    "tests/test_calendar.py": TEST_CALENDAR,
}
