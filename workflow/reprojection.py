"""Publishing a calendar, and counting again every date that waited for it.

A date in a year that was not published was counted by the week and marked provisional. When the year comes, each item
with such dates gets one entry in its chain that says what moved, by which calendar. Dates that were settled stay as they
are, whatever a later calendar says of them; rungs that fired are not fired again.
"""

from __future__ import annotations

from dataclasses import dataclass

from workflow.acts import ReprojectDue
from workflow.calendar import Calendar
from workflow.engine import Engine
from workflow.errors import CalendarRefused, Conflict, Said
from workflow.store import library, queries

BATCH = 500


@dataclass(frozen=True)
class Reprojected:
    """What a new calendar did: items looked at because a date of theirs was provisional, and those with an entry now."""

    items: int
    entries: int


def publish(engine: Engine, calendar: Calendar) -> Reprojected:
    """Publish a calendar and count provisional dates again. Broken off, it is done by calling it again.

    Raises:
        CalendarRefused: it lacks a year that is published under its name, or is an earlier one that was replaced since.
    """
    _must_follow(engine, calendar)
    engine.publish_calendar(calendar)
    return reproject(engine)


def _must_follow(engine: Engine, calendar: Calendar) -> None:
    """A file that holds the new year alone would take every other year out of force."""
    with engine.reading() as connection:
        newest = library.newest_calendar(connection, calendar.name)
        if newest is None or newest == calendar.digest:
            return
        held = engine.calendar(connection, calendar.name, fresh=True)
        replaced = library.calendar(connection, calendar.digest) is not None
    gone = sorted(held.years.keys() - calendar.years.keys())
    if gone:
        span = f"{held.published[0].year}-{held.published[-1].year}"
        raise CalendarRefused(
            calendar=calendar.name,
            expected=Said(
                f"every year published so far ({span}), with the new ones added at the end of the file",
                f"已公布的各年度({span})一并保留,新年度加在文件末尾",
            ),
            actual=Said(
                f"a file without {', '.join(map(str, gone[:5]))}" + (" and others" if len(gone) > 5 else ""),
                f"文件缺 {'、'.join(map(str, gone[:5]))}" + ("等年度" if len(gone) > 5 else " 年"),
            ),
        )
    if replaced:
        raise CalendarRefused(
            calendar=calendar.name,
            expected=Said(
                "the calendar in force, or one not published yet; to go back to an earlier one, say so in its title",
                "现行日历,或尚未公布过的日历;如需改回原日历,请在其 title 中写明",
            ),
            actual=Said("one that was replaced since", "已被取代的日历"),
        )


def reproject(engine: Engine) -> Reprojected:
    """Count every provisional date again by the calendars in force, item by item, each in a transaction of its own."""
    looked = written = 0
    last = ""
    while True:
        with engine.reading() as connection:
            found = queries.provisional(connection, last, BATCH)
        if not found:
            return Reprojected(looked, written)
        for item in found:
            try:
                engine.act(ReprojectDue(item=item))
                written += 1
            except Conflict:  # still not published, or the item moved on meanwhile
                pass
        looked += len(found)
        last = found[-1]
