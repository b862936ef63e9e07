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
from workflow.errors import Conflict
from workflow.store import queries

BATCH = 500


@dataclass(frozen=True)
class Reprojected:
    """What a new calendar did: items looked at because a date of theirs was provisional, and those with an entry now."""

    items: int
    entries: int


def publish(engine: Engine, calendar: Calendar) -> Reprojected:
    """Publish a calendar and count provisional dates again. Broken off, it is done by calling it again."""
    engine.publish_calendar(calendar)
    return reproject(engine)


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
