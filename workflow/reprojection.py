"""Publishing a calendar, and counting again every date that waited for it.

A date in a year that was not published was counted by the week and marked provisional. When the year comes, each item
with such dates gets one entry in its chain that says what moved, by which calendar. A calendar that corrects a published
year (2020: the Spring Festival holiday was extended while it ran) moves the periods of obligations that are not over, so
the dues of reports already opened move with them: nobody is late by one and in time by the other. All other dates that were
settled stay, unless an operator has them counted again too (``every``). Whatever has passed stays as it was, and rungs that
fired are not fired again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workflow import log
from workflow.acts import ReprojectDue
from workflow.calendar import Calendar
from workflow.engine import KEPT, Engine
from workflow.errors import CalendarRefused, Conflict, DatabaseBusy, Said, WorkflowError
from workflow.evidence import canonical
from workflow.rules.obligations import OWED
from workflow.store import database, library, queries

BATCH = 500
UNKNOWN = 2 * KEPT  # µs for which a process may not know of a calendar yet, or be at work on an act by the one before


@dataclass(frozen=True)
class Reprojected:
    """What a new calendar did.

    Attributes:
        items: looked at because a date of theirs was provisional; ``entries``: those of them with an entry now.
        moved: items with an entry because a date moved that had been settled.
        failed: items that could not be counted again, each named in the log; the others were.
    """

    items: int
    entries: int
    moved: int = 0
    failed: int = 0


def publish(engine: Engine, calendar: Calendar, *, every: bool = False) -> Reprojected:
    """Publish a calendar and count provisional dates again, and where it corrects a published year those of reports that
    are owed. Broken off, it is done by calling it again; or, but for ``every``, by the next worker or tick.

    Args:
        every: where it corrects a published year, count all dates again that have not passed.

    Raises:
        CalendarRefused: it lacks a year that is published under its name, or is an earlier one that was replaced since.
    """
    _must_follow(engine, calendar)
    engine.publish_calendar(calendar)
    return follow(engine, calendar, every=every)


def follow(engine: Engine, calendar: Calendar, *, every: bool = False) -> Reprojected:
    """Count again what a calendar in force settles or moves: what ``publish`` does behind publishing it.

    Raises:
        DatabaseBusy: another writer did not let go in time. What was counted again stays so.
    """
    done = reproject(engine)
    if not _corrects(engine, calendar):
        return done
    with engine.reading() as connection:
        found = queries.running(connection, engine.now(connection), "" if every else f"/{OWED}")
    moved, failed = _each(engine, (ReprojectDue(item=i, settled=tuple(rules)) for i, rules in found.items()))
    return Reprojected(done.items, done.entries, moved, done.failed + failed)


def follow_published(engine: Engine) -> bool:
    """Count again by the calendars that were published, here or by a process that did no more, until that is on record.

    It is put on record for each calendar once it was followed two minutes after it was published or later, because a
    process may have opened items by the one before for a minute. An item that could not be counted again is named in the
    log and tried again when ``publish`` is called again, or with the next calendar; whatever else goes wrong leaves the
    record as it was.

    Returns:
        Whether something is left to be followed once more.

    Raises:
        DatabaseBusy: another writer did not let go in time. It is to be called again.
    """
    with engine.reading() as connection:
        now = engine.now(connection)
        found = library.not_followed(connection)
        calendars = [engine.calendar(connection, name, fresh=True) for name in dict.fromkeys(c.name for c in found)]
    for calendar in calendars:
        follow(engine, calendar)
    done = [c.digest for c in found if c.published_at + UNKNOWN <= now]
    if done:
        with database.writing(engine.db) as connection:
            library.set_followed(connection, done)
    return len(done) < len(found)


def _corrects(engine: Engine, calendar: Calendar) -> bool:
    """Whether a calendar says something else of a year than one that dates may have been counted by: any that was
    published under its name since the last one that is on record as followed, and that one."""
    with engine.reading() as connection:
        former = [r.digest for r in library.calendars(connection, calendar.name) if r.digest != calendar.digest]
        left = {row.digest for row in library.not_followed(connection)}
        last = next((n for n, digest in enumerate(former) if digest not in left), len(former))
        bodies = [library.calendar(connection, digest) for digest in former[: last + 1]]
    return any(_differs(body, calendar) for body in bodies if body is not None)


def _differs(body: bytes, calendar: Calendar) -> bool:
    before = Calendar.from_canonical(canonical.decode(body))
    same = all(calendar.years.get(year) == days for year, days in before.years.items())
    return not same or before.weekend != calendar.weekend


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
    looked = entries = failed = 0
    last = ""
    while True:
        with engine.reading() as connection:
            found = queries.provisional(connection, last, BATCH)
        if not found:
            return Reprojected(looked, entries, failed=failed)
        written, not_done = _each(engine, (ReprojectDue(item=item) for item in found))
        entries, failed, looked, last = entries + written, failed + not_done, looked + len(found), found[-1]


def _each(engine: Engine, acts: Iterable[ReprojectDue]) -> tuple[int, int]:
    """How many were written, and how many could not be decided: one item that fails keeps no other from its date."""
    written = failed = 0
    for act in acts:
        try:
            engine.act(act)
            written += 1
        except Conflict:  # nothing changes, or the item moved on meanwhile
            pass
        except DatabaseBusy:
            raise
        except WorkflowError as error:
            log.not_counted_again(act.item, error.code)
            failed += 1
    return written, failed
