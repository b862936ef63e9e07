"""From what a date rests on to the date itself, and back to every day that was counted.

A due's basis is plain data that stands in the entry that armed it, so that a later reader, a new calendar and a paused
clock all count from the same thing. Its keys:

    from, span      a local day (or ``at``, a moment, where the span is of hours) and a length of time
    on              a date, with ``node`` and ``set``, ``set-by`` or ``field`` saying whose
    plus, minus     so long after that date, or before it
    festival, year  a holiday, with ``by`` for so long before it
    tenure, person  whose appointment ``from`` is
    reading, cut    what a day off means; the time of day at which the day ends
    cap, cap-node   the date is not later than this, and because of which node
    to              the date it was extended to
    left            microseconds that were left of a span of hours when its clock was stopped

A year that is not published is counted Monday to Friday, and whatever rests on it is provisional until it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from workflow.calendar import WEEKDAYS_EN, WEEKDAYS_ZH, Calendar, Explained, Text
from workflow.clock import local_day, moment, start_of_day
from workflow.definition.model import Rung, Span
from workflow.errors import CalendarMissing, Unknown

Basis = dict[str, Any]
HOUR = 3_600_000_000
NEVER = 2**53 - 1  # the moment at which a stopped clock is missed: beyond all others, and still a canonical integer
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Reckoned:
    """A date in force: its day (local), the first instant that counts as missed, whether a calendar may still move it."""

    day: date
    missed: int
    provisional: bool


def reckon(calendar: Calendar, zone: str, basis: Basis) -> Reckoned:
    """When something that rests on ``basis`` counts as missed, by this calendar. ``zone`` is an IANA name."""
    cap = date.fromisoformat(basis["cap"]) if "cap" in basis else None
    if "to" in basis:
        return _end_of(date.fromisoformat(basis["to"]), basis, zone, False)
    if "at" in basis:
        length = basis["left"] if "left" in basis else _span(basis).n * HOUR
        missed = basis["at"] + length
        if cap is not None:
            missed = min(missed, start_of_day(cap + _DAY, zone))
        return Reckoned(local_day(missed - 1, zone), missed, False)
    day, provisional = _day(calendar, basis)
    rolled, unsure = roll(calendar, day, basis.get("reading", "keep"))
    hours = _hours(basis)
    if hours:
        missed = _end_of(rolled, basis, zone, False).missed + hours * HOUR
        if cap is not None:
            missed = min(missed, start_of_day(cap + _DAY, zone))
        return Reckoned(local_day(missed - 1, zone), missed, provisional or unsure)
    if cap is not None and cap < rolled:
        return _end_of(cap, basis, zone, False)
    return _end_of(rolled, basis, zone, provisional or unsure)


def _day(calendar: Calendar, basis: Basis) -> tuple[date, bool]:
    if "on" in basis:
        day, offset = date.fromisoformat(basis["on"]), _offset(basis)
        if offset is None or offset[1] == "hours":
            return day, False
        return count(calendar, day, offset[0], offset[1])
    if "festival" in basis:
        first, unsure = festival_begins(calendar, basis["festival"], basis["year"])
        if "by" not in basis:
            return first - _DAY, unsure
        by = Span.model_validate(basis["by"])
        day, also = count(calendar, first, -by.n, by.unit)
        return day, unsure or also
    span, start = _span(basis), date.fromisoformat(basis["from"])
    return (start, False) if span.unit == "hours" else count(calendar, start, span.n, span.unit)


def _hours(basis: Basis) -> int:
    """Hours that count from the moment at which a day ends: after a date, before it (negative), or since an appointment,
    of which the day alone is known. 24 of them and one day are the same."""
    offset = _offset(basis)
    if offset is not None:
        return offset[0] if offset[1] == "hours" else 0
    if "from" not in basis:
        return 0
    span = _span(basis)
    return span.n if span.unit == "hours" else 0


def _offset(basis: Basis) -> tuple[int, str] | None:
    """So long after a date (``plus``) or before it (``minus``): how many, negative for before, and of what."""
    for name, sign in (("plus", 1), ("minus", -1)):
        if name in basis:
            span = Span.model_validate(basis[name])
            return sign * span.n, span.unit
    return None


def _span(basis: Basis) -> Span:
    return Span.model_validate(basis["span"])


def _end_of(day: date, basis: Basis, zone: str, provisional: bool) -> Reckoned:
    if "cut" in basis:
        return Reckoned(day, start_of_day(day, zone, time.fromisoformat(basis["cut"])), provisional)
    return Reckoned(day, start_of_day(day + _DAY, zone), provisional)


def count(calendar: Calendar, day: date, n: int, unit: Any) -> tuple[date, bool]:
    """A day plus n of a unit, and whether a notice still to come may move it. Never raises ``CalendarMissing``."""
    if unit != "workdays":
        return calendar.add(day, n, unit), False
    if n == 0:
        return day, False
    try:
        last = calendar.add_workdays(day, n)
    except CalendarMissing:
        return [each.day for each in _walk(calendar, day, n)][-1], True
    return last, not calendar.settled(max(day, last))


def roll(calendar: Calendar, day: date, reading: Any) -> tuple[date, bool]:
    """What a date means on a day off, and whether a notice still to come may move it."""
    if reading == "keep":
        return day, False
    if _works(calendar, day):
        return day, not calendar.settled(day)
    return count(calendar, day, 1 if reading == "next-workday" else -1, "workdays")


def left_between(calendar: Calendar, day: date, last: date, unit: str) -> int:
    """How many of a unit are left of a span that ends on ``last``: those after ``day``. Working days or calendar days."""
    if unit != "workdays":
        return (last - day).days
    found, at = 0, day
    while at < last:
        at += _DAY
        found += _works(calendar, at)
    return found


def festival_begins(calendar: Calendar, name: str, year: int) -> tuple[date, bool]:
    """The first day off around a festival. Where the year is not published, the same day as in the last published year:
    right for a festival of the sun, weeks off for one of the moon, and provisional either way.

    Raises:
        Unknown: the calendar has no such festival, or none in that year.
    """
    try:
        first, _ = calendar.festival(name, year)
    except CalendarMissing:
        known = [y for y in calendar.years if y < year]
        if not known:
            raise
        first, _ = calendar.festival(name, max(known))
        return calendar.add(first, year - max(known), "years"), True
    return first, not calendar.settled(first)


def festival_after(calendar: Calendar, name: str, day: date) -> int:
    """The year in whose notice the next such festival after a day stands."""
    for year in (day.year, day.year + 1):
        try:
            first, _ = festival_begins(calendar, name, year)
        except Unknown:
            if year > day.year:
                raise
            continue
        if first > day:
            return year
    return day.year + 2  # New Year's days off may begin in December: those of the year after next


def rung_at(calendar: Calendar, zone: str, rung: Rung, missed: int) -> tuple[int, bool]:
    """When a rung fires, and whether that may still move. Spans count from the due day, at the time at which the due
    ends; ``after: 0 workdays`` is the first instant of being late."""
    due_day = local_day(missed - 1, zone)
    if rung.before is not None:
        if rung.before.unit == "hours":
            return missed - rung.before.n * HOUR, False
        day, unsure = count(calendar, due_day, -rung.before.n, rung.before.unit)
        return start_of_day(day, zone), unsure
    assert rung.after is not None
    if rung.after.unit == "hours":
        return missed + rung.after.n * HOUR, False
    if rung.after.n == 0:
        return missed, False
    day, unsure = count(calendar, due_day, rung.after.n, rung.after.unit)
    ends = moment(missed, zone)
    return (start_of_day(day, zone, ends.time()) if ends.time() != time(0) else start_of_day(day + _DAY, zone)), unsure


def days(calendar: Calendar, basis: Basis) -> list[Explained]:
    """Every day that a count of working days passed, counted or skipped, each with its reason; empty for plain dates."""
    if "to" in basis or "at" in basis:
        return []
    start, n = _counted(calendar, basis)
    found = _explained(calendar, start, n) if n else []
    day = _day(calendar, basis)[0]
    reading = basis.get("reading", "keep")
    if reading != "keep" and not _works(calendar, day):
        found += _explained(calendar, day, 1 if reading == "next-workday" else -1)[0 if not found else 1 :]
    return found


def _counted(calendar: Calendar, basis: Basis) -> tuple[date, int]:
    if "festival" in basis and "by" in basis:
        by = Span.model_validate(basis["by"])
        first, _ = festival_begins(calendar, basis["festival"], basis["year"])
        return first, -by.n if by.unit == "workdays" else 0
    offset = _offset(basis)
    if "on" in basis and offset is not None:
        return date.fromisoformat(basis["on"]), offset[0] if offset[1] == "workdays" else 0
    if "span" in basis:
        span = _span(basis)
        return date.fromisoformat(basis["from"]), span.n if span.unit == "workdays" else 0
    return date.min, 0


def _explained(calendar: Calendar, day: date, n: int) -> list[Explained]:
    try:
        return calendar.explain(day, n)
    except CalendarMissing:
        return [
            Explained(day, False, Text("起算日,不计入", "the day it runs from, not counted")),
            *_walk(calendar, day, n),
        ]


def _works(calendar: Calendar, day: date) -> bool:
    if day.year in calendar.years:
        return calendar.is_workday(day)
    return day.weekday() not in calendar.weekend


def _walk(calendar: Calendar, day: date, n: int) -> Iterator[Explained]:
    """The days of a count that reaches into a year not published, which is counted by the week alone."""
    number, step = 0, _DAY if n > 0 else -_DAY
    while number < abs(n):
        day += step
        if day.year in calendar.years:
            counted = calendar.is_workday(day)
            zh, en = calendar.kind(day)
        else:
            counted = day.weekday() not in calendar.weekend
            zh = f"{WEEKDAYS_ZH[day.weekday()]}({day.year} 年日历未公布,暂按周计)"
            en = f"{WEEKDAYS_EN[day.weekday()]} ({day.year} is not published: counted by the week for now)"
        number += counted
        if counted:
            zh, en = f"{zh},第 {number} 个工作日", f"{en}, working day {number}"
        yield Explained(day, counted, Text(zh, en))
