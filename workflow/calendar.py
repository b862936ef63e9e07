"""The working-day calendar: which days count, and why.

A calendar is data: the years an authority has published, each with its days off and its make-up working days. What is
not published is never guessed: counting into such a year raises ``CalendarMissing``, and ``Calendar.settled`` says
whether a later notice may still move a day. Only dates appear here; times of day and zones belong to the due.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

from workflow.errors import CalendarMissing, Said, Unknown, among

Reading = Literal["keep", "next-workday", "previous-workday"]
Unit = Literal["workdays", "days", "weeks", "months", "quarters", "years"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = {"months": 1, "quarters": 3, "years": 12}
_DAY = timedelta(days=1)

# A yearly notice arranges New Year's Day across the turn of the year: the earliest December day ever touched is the
# 29th (2007, 2018). Days this close to a year that is not published yet may still change.
REACH = timedelta(days=7)


class Text(NamedTuple):
    """A text for people in both languages."""

    zh: str
    en: str


class Holiday(NamedTuple):
    """One published stretch of days off, both ends included; weekends inside it belong to it.

    ``festivals`` are codes; there are two where a notice joins two festivals (国庆节、中秋节).
    """

    festivals: tuple[str, ...]
    first: date
    last: date

    def days(self) -> Iterator[date]:
        """Every day of it, in order."""
        for n in range((self.last - self.first).days + 1):
            yield self.first + n * _DAY


class Explained(NamedTuple):
    """One day of a count: whether it was counted, and why or why not."""

    day: date
    counted: bool
    reason: Text


@dataclass(frozen=True)
class YearDays:
    """What the notice for one year arranges; it may reach into the last week of the December before."""

    year: int
    stretches: tuple[Holiday, ...]
    workdays: frozenset[date]

    @cached_property
    def holidays(self) -> frozenset[date]:
        """Every published day off, weekends inside a stretch included."""
        return frozenset(day for stretch in self.stretches for day in stretch.days())


@dataclass(frozen=True)
class Calendar:
    """Published years of working days under one name. Equal content has an equal ``digest``.

    Attributes:
        weekend: weekday numbers off as a rule, Monday is 0.
        festivals: code -> name.
        published: one ``YearDays`` per published year, in order.
    """

    name: str
    title: Text
    weekend: frozenset[int]
    festivals: Mapping[str, Text]
    published: tuple[YearDays, ...]

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and self.digest == other.digest

    def __reduce__(self) -> tuple[Any, ...]:
        return (Calendar.from_canonical, (self.to_canonical(),))

    @cached_property
    def years(self) -> Mapping[int, YearDays]:
        """Published years: year -> what its notice arranges."""
        return MappingProxyType({each.year: each for each in self.published})

    def to_canonical(self) -> dict[str, Any]:
        """The normalised content: only strings, lists and dicts, order fixed, dates as ISO strings."""
        return {
            "calendar": self.name,
            "title": self.title._asdict(),
            "weekend": [WEEKDAYS[n] for n in sorted(self.weekend)],
            "festivals": {code: name._asdict() for code, name in self.festivals.items()},
            "years": {
                str(each.year): {
                    "holidays": [
                        {"festival": list(s.festivals), "from": s.first.isoformat(), "to": s.last.isoformat()}
                        for s in each.stretches
                    ],
                    "workdays": [day.isoformat() for day in sorted(each.workdays)],
                }
                for each in self.published
            },
        }

    @classmethod
    def from_canonical(cls, content: Mapping[str, Any]) -> Calendar:
        """The calendar again from ``to_canonical``."""
        return cls(
            name=content["calendar"],
            title=Text(**content["title"]),
            weekend=frozenset(WEEKDAYS.index(day) for day in content["weekend"]),
            festivals=MappingProxyType({code: Text(**name) for code, name in content["festivals"].items()}),
            published=tuple(
                YearDays(
                    year=int(year),
                    stretches=tuple(
                        Holiday(tuple(s["festival"]), date.fromisoformat(s["from"]), date.fromisoformat(s["to"]))
                        for s in days["holidays"]
                    ),
                    workdays=frozenset(map(date.fromisoformat, days["workdays"])),
                )
                for year, days in sorted(content["years"].items(), key=lambda pair: int(pair[0]))
            ),
        )

    @cached_property
    def digest(self) -> str:
        """``sha256:`` and hex over the canonical JSON bytes: the version a due pins."""
        text = json.dumps(self.to_canonical(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return "sha256:" + sha256(text.encode()).hexdigest()

    def is_workday(self, day: date) -> bool:
        """Whether people work on that day: make-up Saturdays and Sundays do, holidays do not.

        Raises:
            CalendarMissing: the year of the day is not published.
        """
        _must_be_date(day)
        if day.year not in self.years:
            raise self._missing(day.year)
        return self._works(day)

    def settled(self, day: date) -> bool:
        """False where a notice still to come may change the day: a date that rests on it is provisional.

        That is every day of a year not published, and the last week of a year whose successor is not.
        """
        return day.year in self.years and (day.year + 1 in self.years or date(day.year, 12, 31) - day >= REACH)

    def festival(self, name: str, year: int) -> tuple[date, date]:
        """First and last day off around a festival (code, Chinese or English name) in a year's notice.

        New Year's Day may begin in the December before. Source: S0 「国庆节前这段时间」, R078.

        Raises:
            CalendarMissing: the year is not published.
            Unknown: no such festival, or none in that year.
        """
        wanted = name.strip().casefold()
        codes = [c for c, text in self.festivals.items() if wanted in (c, text.zh, text.en.casefold())]
        if not codes:
            known = [text.en for text in self.festivals.values()]
            raise Unknown(kind="festival", name=name, hint=among(known))
        if year not in self.years:
            raise self._missing(year)
        for stretch in self.years[year].stretches:
            if codes[0] in stretch.festivals:
                return stretch.first, stretch.last
        raise Unknown(
            kind="festival",
            name=name,
            hint=Said(f" in calendar {self.name} of {year}", f"(日历 {self.name} {year} 年)"),
        )

    def roll(self, day: date, reading: Reading) -> date:
        """The day a date means when it falls on a day off; the definition states the reading.

        Source: S0 「每周一报送情况」, R082 (2019-10-07 is a Monday inside the National Day holiday).
        """
        if reading not in get_args(Reading):
            raise Unknown(kind="reading", name=reading, hint=among(get_args(Reading)))
        if reading == "keep" or self.is_workday(day):
            return day
        return self.add_workdays(day, 1 if reading == "next-workday" else -1)

    def add_workdays(self, day: date, n: int) -> date:
        """The n-th working day after a day (before it when n is negative); 0 gives the day itself.

        The day itself is never counted, working or not.

        Raises:
            CalendarMissing: the count touches a year that is not published.
        """
        _must_be_date(day)
        if n == 0:
            return day
        year = day.year
        working = self._working_in(year)
        if n > 0:
            at = bisect_right(working, day.toordinal()) + n - 1
            while at >= len(working):
                at -= len(working)
                year += 1
                working = self._working_in(year)
        else:
            at = bisect_left(working, day.toordinal()) + n
            while at < 0:
                year -= 1
                working = self._working_in(year)
                at += len(working)
        return date.fromordinal(working[at])

    def add(self, day: date, n: int, unit: Unit) -> date:
        """A day plus n of a unit; months, quarters and years keep the day of the month or clamp to the last one.

        Everything but working days is plain arithmetic and needs no published year. ``days`` are calendar days.
        """
        _must_be_date(day)
        if unit == "workdays":
            return self.add_workdays(day, n)
        if unit == "days":
            return day + timedelta(days=n)
        if unit == "weeks":
            return day + timedelta(weeks=n)
        if unit not in _MONTHS:
            raise Unknown(kind="unit of time", name=unit, hint=among(get_args(Unit)))
        year, month = divmod(day.year * 12 + day.month - 1 + n * _MONTHS[unit], 12)
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

    def count_workdays(self, start: date, end: date, both_ends: bool) -> int:
        """Working days from start to end; the end counts, the start only with ``both_ends``.

        ``count_workdays(d, add_workdays(d, n), both_ends=False) == n``.

        Raises:
            CalendarMissing: a year in between is not published.
            ValueError: the end lies before the start.
        """
        _must_be_date(start)
        _must_be_date(end)
        if end < start:
            raise ValueError(f"expected an end on or after {start}; got {end}. Swap them")
        first, last = start.toordinal(), end.toordinal()
        total = 0
        for year in range(start.year, end.year + 1):
            working = self._working_in(year)
            left = bisect_left(working, first) if both_ends else bisect_right(working, first)
            total += bisect_right(working, last) - left
        return total

    def explain(self, day: date, n: int) -> list[Explained]:
        """Every day that ``add_workdays(day, n)`` passes, the first and the last included, each with its reason."""
        end = self.add_workdays(day, n)
        steps = [Explained(day, False, Text("起算日,不计入", "the day it runs from, not counted"))]
        number = 0
        while day != end:
            day += _DAY if n > 0 else -_DAY
            counted = self._works(day)
            number += counted
            zh, en = self.kind(day)
            if counted:
                zh, en = f"{zh},第 {number} 个工作日", f"{en}, working day {number}"
            steps.append(Explained(day, counted, Text(zh, en)))
        return steps

    def kind(self, day: date) -> Text:
        """What a day of a published year is: an ordinary weekday, a weekend, a make-up day, or in which holiday it lies."""
        zh, en = WEEKDAYS_ZH[day.weekday()], WEEKDAYS_EN[day.weekday()]
        if day in self._made_up:
            return Text(f"{zh}调休上班", f"make-up working {en}")
        stretch = self._off.get(day)
        if stretch is None:
            return Text(zh, en) if self._works(day) else Text(f"{zh}公休", f"{en}, weekend")
        names = [self.festivals[code] for code in stretch.festivals]
        return Text(
            f"{'、'.join(name.zh for name in names)}放假({stretch.first} 至 {stretch.last})",
            f"{' and '.join(name.en for name in names)} holiday ({stretch.first} to {stretch.last})",
        )

    @cached_property
    def _made_up(self) -> frozenset[date]:
        return frozenset(day for each in self.published for day in each.workdays)

    @cached_property
    def _off(self) -> dict[date, Holiday]:
        return {day: stretch for each in self.published for stretch in each.stretches for day in stretch.days()}

    @cached_property
    def _working(self) -> dict[int, tuple[int, ...]]:
        """Year -> ordinals of its working days, in order: a count is one bisection per year touched."""
        return {
            year: tuple(
                n
                for n in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
                if self._works(date.fromordinal(n))
            )
            for year in self.years
        }

    def _works(self, day: date) -> bool:
        return day in self._made_up or (day.weekday() not in self.weekend and day not in self._off)

    def _working_in(self, year: int) -> tuple[int, ...]:
        try:
            return self._working[year]
        except KeyError:
            raise self._missing(year) from None

    def _missing(self, year: int) -> CalendarMissing:
        return CalendarMissing(calendar=self.name, year=year, expected=_spans(sorted(self.years)))


def _must_be_date(day: date) -> None:
    # A datetime is a date to the type checker, and equals none of the published days.
    if isinstance(day, datetime):
        raise TypeError(f"expected a date; got the moment {day.isoformat()}. Take its local day first")


def _spans(years: list[int]) -> list[str]:
    spans: list[list[int]] = []
    for year in years:
        if spans and spans[-1][1] == year - 1:
            spans[-1][1] = year
        else:
            spans.append([year, year])
    return [str(a) if a == b else f"{a}-{b}" for a, b in spans]
