"""The periods of an obligation as they bind: by which version of the flow, and by the calendar that each unit counts by.

A period is owed by the version published last before it was over; a later one changes nothing of what was on time. It is
counted by the calendar published last before then; only a date that waited for a year's notice follows a later one. So is
a due of an item (``reprojection``). Source: S0 「每周一报送情况」, R082; S0 「国庆节前这段时间」, R078.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import NamedTuple

from workflow.calendar import Calendar
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Said, Unknown, among
from workflow.rules import obligations as rules
from workflow.rules.obligations import Period
from workflow.store import library
from workflow.store.org import OrgReader


class Bound(NamedTuple):
    """A period with the version it is owed by, and its date by each calendar by which there is one, the flow's own first."""

    definition: Definition
    by_calendar: dict[str, Period]

    @property
    def first(self) -> Period:
        return next(iter(self.by_calendar.values()))


def versions(desk: Desk, flow: str, at: int) -> list[tuple[int, Definition]]:
    """Every version of a flow published by an instant, with the moment of it, the oldest first; before any was, the first.

    Raises:
        Unknown: no such flow.
    """
    every = library.versions(desk.connection, flow)[::-1]
    if not every:
        raise Unknown(kind="flow", name=flow, hint=Said("; publish its definition first", ";请先发布其定义"))
    found = [v for v in every if v.published_at <= at] or every[:1]
    return [(v.published_at, desk.engine.definition(desk.connection, v.digest)) for v in found]


def binding(desk: Desk, flow: str, rule: str, name: str, at: int) -> Bound:
    """A period by its name (``2019-W41``), as it binds at an instant.

    Raises:
        Unknown: no such flow or obligation, or no period of that name.
    """
    bound: Bound | None = None
    for published, definition in versions(desk, flow, at):
        if bound is None or all(p.missed > published for p in bound.by_calendar.values()):
            bound = Bound(definition, _by_calendar(desk, definition, rule, name, at))
    assert bound is not None
    if not bound.by_calendar:
        calendar = calendar_at(desk, bound.definition.flow.calendar, at)
        rules.period(bound.definition, calendar, rule, name)  # says what is wrong with it
        raise Unknown(kind="period", name=name)
    return bound


def listed(desk: Desk, flow: str, rule: str, since: date, until: date, at: int) -> list[str]:
    """The names of the periods whose date lies between two days, both included, in order.

    Raises:
        Unknown: no such flow or obligation.
    """
    _, definition = versions(desk, flow, at)[-1]
    if rule not in definition.flow.obligations:
        raise Unknown(kind="obligation", name=rule, hint=among(definition.flow.obligations))
    found: dict[str, date] = {}
    for calendar in calendars_of(definition):
        for each in rules.periods(definition, calendar_at(desk, calendar, at), rule, since, until):
            found[each.name] = each.nominal
    return sorted(found, key=lambda name: found[name])


def _by_calendar(desk: Desk, definition: Definition, rule: str, name: str, at: int) -> dict[str, Period]:
    found = {c: _counted(desk, definition, c, rule, name, at) for c in calendars_of(definition)}
    return {calendar: each for calendar, each in found.items() if each is not None}


def _counted(desk: Desk, definition: Definition, calendar: str, rule: str, name: str, at: int) -> Period | None:
    """A period by a calendar of this name; None where it has no such period (no working day there)."""
    found: Period | None = None
    for published, each in desk.engine.calendars(desk.connection, calendar, at):
        if found is None or found.provisional or found.missed > published:
            try:
                found = rules.period(definition, each, rule, name)
            except Unknown:
                found = None
    return found


# --- whose calendar ------------------------------------------------------------------------------------------------


def calendar_at(desk: Desk, name: str, at: int) -> Calendar:
    """The calendar in force at an instant; the newest before any was published."""
    return desk.engine.calendars(desk.connection, name, at)[-1][1]


def calendars_of(definition: Definition) -> list[str]:
    """The names of the calendars by which units of a flow count, the flow's own first."""
    return list(dict.fromkeys([definition.flow.calendar, *definition.flow.calendars.values()]))


def named_since(desk: Desk, flow: str, calendar: str) -> int:
    """When the first version of a flow that gives units this calendar was published, µs UTC.

    Raises:
        Unknown: none does.
    """
    for row in reversed(library.versions(desk.connection, flow)):
        if calendar in calendars_of(desk.engine.definition(desk.connection, row.digest)):
            return int(row.published_at)
    raise Unknown(kind="calendar of the flow", name=calendar, hint=Said(f" {flow}", f" {flow}"))


def calendar_on(org: OrgReader, definition: Definition, unit: str, day: str) -> str:
    """The name of the calendar that a unit counts by: that of the nearest unit above it that has its own, else the
    flow's.

    Raises:
        Unknown: there is no such unit.
    """
    own = definition.flow.calendars
    line = org.path(unit, day) if own else ()
    return next((own[above["unit"]] for above in line if above["unit"] in own), definition.flow.calendar)


def own_calendars(org: OrgReader, definition: Definition, day: str) -> dict[str, str]:
    """Every unit that counts by another calendar than the flow's, with its name."""
    depths: dict[str, int] = {}
    for unit in definition.flow.calendars:
        with suppress(Unknown):  # named, and not known yet
            depths[unit] = len(org.path(unit, day))
    found: dict[str, str] = {}
    for root in sorted(
        depths, key=lambda u: depths[u]
    ):  # of two on one line the nearer one, which is lower, comes last
        found |= dict.fromkeys(org.subtree(root, day), definition.flow.calendars[root])
    return {u: calendar for u, calendar in found.items() if calendar != definition.flow.calendar}
