"""The tests of the sample repository."""

from __future__ import annotations

TEST_INTERVAL = """\
import unittest

from bookings import Interval
from bookings.interval import format_clock, parse_clock


class ClockTest(unittest.TestCase):
    def test_parses_and_formats(self):
        self.assertEqual(parse_clock("09:30"), 570)
        self.assertEqual(format_clock(570), "09:30")

    def test_refuses_what_is_no_time_of_day(self):
        with self.assertRaises(ValueError):
            parse_clock("25:00")


class IntervalTest(unittest.TestCase):
    def test_is_half_open(self):
        morning = Interval.parse("09:00-10:00")
        self.assertTrue(morning.contains(9 * 60))
        self.assertFalse(morning.contains(10 * 60))

    def test_overlaps_what_shares_a_minute(self):
        morning = Interval.parse("09:00-10:00")
        self.assertTrue(morning.overlaps(Interval.parse("09:59-10:30")))
        self.assertTrue(Interval.parse("08:00-12:00").overlaps(morning))
        self.assertFalse(morning.overlaps(Interval.parse("11:00-12:00")))
"""

TEST_CALENDAR = """\
import unittest

from bookings import Calendar, Conflict, Interval
from bookings.report import agenda, used_minutes, utilisation


class CalendarTest(unittest.TestCase):
    def setUp(self):
        self.room = Calendar("Blue room")
        self.room.book(Interval.parse("09:00-10:00"), "stand-up")

    def test_refuses_a_conflict(self):
        with self.assertRaises(Conflict):
            self.room.book(Interval.parse("09:30-10:30"), "planning")

    def test_books_right_after_another_booking(self):
        self.room.book(Interval.parse("10:00-11:30"), "planning")
        self.assertEqual(agenda(self.room), ["09:00-10:00 stand-up", "10:00-11:30 planning"])

    def test_cancels(self):
        self.room.cancel(self.room.bookings[0])
        self.assertEqual(self.room.free(Interval.parse("08:00-12:00")), [Interval(480, 720)])

    def test_finds_what_is_free(self):
        gaps = self.room.free(Interval.parse("08:00-12:00"))
        self.assertEqual([str(gap) for gap in gaps], ["08:00-09:00", "10:00-12:00"])

    def test_reports_its_use(self):
        self.assertEqual(used_minutes(self.room), 60)
        self.assertEqual(utilisation(self.room, Interval.parse("08:00-12:00")), 0.25)
"""
