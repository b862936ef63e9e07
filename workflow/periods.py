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


class Periods:
    """The periods of obligations as they bind at one instant; versions and calendars are read once."""

    def __init__(self, desk: Desk, at: int) -> None:
        self._desk = desk
        self._at = at
        self._versions: dict[str, list[tuple[int, Definition]]] = {}
        self._calendars: dict[str, list[tuple[int, Calendar]]] = {}

    def versions(self, flow: str) -> list[tuple[int, Definition]]:
        """Every version of a flow published by then, with the moment of it, the oldest first; before any was, the first.

        Raises:
            Unknown: no such flow.
        """
        if flow not in self._versions:
            connection, engine = self._desk.connection, self._desk.engine
            every = library.versions(connection, flow)[::-1]
            if not every:
                raise Unknown(kind="flow", name=flow, hint=Said("; publish its definition first", ";请先发布其定义"))
            found = [v for v in every if v.published_at <= self._at] or every[:1]
            self._versions[flow] = [(v.published_at, engine.definition(connection, v.digest)) for v in found]
        return self._versions[flow]

    def calendars(self, name: str) -> list[tuple[int, Calendar]]:
        """The same of the calendars of a name; before any was published, the newest."""
        if name not in self._calendars:
            self._calendars[name] = self._desk.engine.calendars(self._desk.connection, name, self._at)
        return self._calendars[name]

    def calendar(self, name: str) -> Calendar:
        """The calendar of a name that is in force then."""
        return self.calendars(name)[-1][1]

    def binding(self, flow: str, rule: str, name: str) -> Bound:
        """A period by its name (``2019-W41``), as it binds.

        Raises:
            Unknown: no such flow or obligation, or no period of that name.
        """
        bound: Bound | None = None
        for published, definition in self.versions(flow):
            if bound is None or all(p.missed > published for p in bound.by_calendar.values()):
                bound = Bound(definition, self._by_calendar(definition, rule, name))
        assert bound is not None
        if not bound.by_calendar:
            calendar = self.calendar(bound.definition.flow.calendar)
            rules.period(bound.definition, calendar, rule, name)  # says what is wrong with it
            raise Unknown(kind="period", name=name)
        return bound

    def names(self, flow: str, rule: str, since: date, until: date) -> list[str]:
        """The names of the periods whose date lies between two days, both included, in order.

        Raises:
            Unknown: no such flow or obligation.
        """
        _, definition = self.versions(flow)[-1]
        if rule not in definition.flow.obligations:
            raise Unknown(kind="obligation", name=rule, hint=among(definition.flow.obligations))
        found: dict[str, date] = {}
        for calendar in calendars_of(definition):
            for each in rules.periods(definition, self.calendar(calendar), rule, since, until):
                found[each.name] = each.nominal
        return sorted(found, key=lambda name: found[name])

    def _by_calendar(self, definition: Definition, rule: str, name: str) -> dict[str, Period]:
        found = {c: self._counted(definition, c, rule, name) for c in calendars_of(definition)}
        return {calendar: each for calendar, each in found.items() if each is not None}

    def _counted(self, definition: Definition, calendar: str, rule: str, name: str) -> Period | None:
        """A period by a calendar of this name; None where it has no such period (no working day there)."""
        found: Period | None = None
        for published, each in self.calendars(calendar):
            if found is None or found.provisional or found.missed > published:
                try:
                    found = rules.period(definition, each, rule, name)
                except Unknown:
                    found = None
        return found


# --- whose calendar ------------------------------------------------------------------------------------------------


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
