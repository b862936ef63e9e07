"""What is owed: periods, who is in which state at any instant, rates of any subtree, and a unit's report.

Computed at the moment of asking from the roster, the calendar and the entries; nothing is stored before somebody acts,
and no job has to have run. An instant asks for what was in and said by then. A period is read by the version and the
calendar that bind it (``periods``), by each unit's own where it has one. The roster is that of the period's day, as the
organisation was known at the instant: the same question about the past has the answer it had, and a unit that was entered
late owes all the same for whoever asks later. Source: S0 「应报必报,不要遮遮掩掩」, R054; S0 「横向到边,纵向到底」, R061.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from workflow.acts import Actor, Open
from workflow.clock import local_day, start_of_day
from workflow.definition.definition import Definition
from workflow.definition.model import Stage
from workflow.desk import Desk
from workflow.errors import Said, Unknown
from workflow.periods import Bound, Periods, calendar_on, own_calendars
from workflow.receipt import Receipt
from workflow.rules import obligations as rules
from workflow.rules.dues import binding_nodes, node_day
from workflow.rules.obligations import STATES, Period, State
from workflow.store import items, library
from workflow.store import obligations as store
from workflow.store.known import as_of
from workflow.store.org import OrgReader

T = TypeVar("T")
# A unit that owes the report of a campaign: its state, when it came in, whether it was a zero, and the report.
OwedOnce = store.Row


@dataclass(frozen=True)
class Owed:
    """One unit's report of a period at an instant.

    Attributes:
        state: exactly one of ``rules.obligations.STATES``.
        received: when the first valid report was in, µs UTC; ``zero`` whether it said zero; ``item`` the report.
        missed: the first instant that counts as missed for this unit, by the calendar that it counts by (µs UTC).
    """

    unit: str
    state: State
    received: int | None
    zero: bool
    item: str
    missed: int


@dataclass(frozen=True)
class Rates:
    """How many units are in each state; together they are everybody who is on the roster of the period.

    A correction takes a report's state over (SUPPLEMENTED), not its day: in time or late is judged on the first valid
    report. A contradicted zero was no valid report, and is counted as neither. So
    ``expected == on_time + late + missing + not yet due + contradicted``.

    Attributes:
        supplemented_late: of the SUPPLEMENTED, how many had been late with the first report.
    """

    at: int
    period: Period
    counts: Mapping[State, int]
    supplemented_late: int = 0

    @property
    def expected(self) -> int:
        """Who owes: the roster without the exempt."""
        return sum(self.counts.values()) - self.counts["EXEMPT"]

    @property
    def received(self) -> int:
        return self.expected - self.counts["MISSING"] - self.counts["DUE"]

    @property
    def missing(self) -> int:
        return self.counts["MISSING"]

    @property
    def zero(self) -> int:
        """Who said that there is nothing, in time and by signature, and was not found to be wrong."""
        return self.counts["ZERO"]

    @property
    def late(self) -> int:
        return self.counts["LATE"] + self.supplemented_late

    @property
    def on_time(self) -> int:
        in_time = self.counts["SUBMITTED"] + self.counts["ZERO"] + self.counts["SUPPLEMENTED"]
        return in_time - self.supplemented_late

    def share(self, *states: State) -> tuple[int, int]:
        """Part and whole, exact: ``rates.share("MISSING")`` is (missing, expected)."""
        return sum(self.counts[s] for s in states), self.expected

    def __str__(self) -> str:
        return f"{self.received} of {self.expected}"


def in_force(desk: Desk, flow: str, at: int) -> Definition:
    """The version of a flow that was published last by an instant; the first one before any was.

    Raises:
        Unknown: no such flow.
    """
    versions = library.versions(desk.connection, flow)
    if not versions:
        raise Unknown(kind="flow", name=flow, hint=Said("; publish its definition first", ";请先发布其定义"))
    digest = next((v.digest for v in versions if v.published_at <= at), versions[-1].digest)
    return desk.engine.definition(desk.connection, digest)


def owing(desk: Desk, at: int) -> list[Definition]:
    """The flows of which reports are owed by period, each as in force at an instant, by name."""
    found = [in_force(desk, flow, at) for flow in sorted(store.published(desk.connection))]
    return [each for each in found if each.flow.obligations]


def periods(
    desk: Desk, flow: str, rule: str, since: date, until: date, at: int | None = None, unit: str = ""
) -> list[Period]:
    """The periods of an obligation whose date lies between two days, both included, in order.

    Args:
        unit: by the calendar that this unit counts by. Without one by the flow's own; a period that only units with
            another calendar have (a working day of theirs) is there by theirs.
    """
    now = _now(desk, at)
    every = Periods(desk, now)
    found = [_of_unit(desk, every.binding(flow, rule, n), now, unit) for n in every.names(flow, rule, since, until)]
    return [each for each in found if each is not None]


def period(desk: Desk, flow: str, rule: str, name: str, at: int | None = None, unit: str = "") -> Period:
    """A period by its name (``2019-W41``), as it binds at an instant.

    Args:
        unit: by the calendar that this unit counts by; without one as ``periods`` has it.

    Raises:
        Unknown: no such obligation, or no period of it.
    """
    now = _now(desk, at)
    found = _of_unit(desk, Periods(desk, now).binding(flow, rule, name), now, unit)
    if found is None:
        raise Unknown(kind="period", name=name, hint=Said(f" of {unit} in {flow} {rule}", f"({flow} {rule},{unit})"))
    return found


def _of_unit(desk: Desk, bound: Bound, at: int, unit: str) -> Period | None:
    if not unit or not bound.definition.flow.calendars:
        return bound.first
    day = bound.first.nominal.isoformat()
    own = calendar_on(OrgReader(desk.connection, as_of(desk.connection, at)), bound.definition, unit, day)
    return bound.by_calendar.get(own)


def owed(desk: Desk, flow: str, rule: str, name: str, at: int, under: str = "") -> list[Owed]:
    """Every unit that owes a report of a period, with its state at an instant, past or present; in offices' order.

    Args:
        under: only this unit and everything below it on the period's day.
    """
    parts = _parts(desk, flow, rule, name, at, under)
    return _in_order(desk, parts, {row.unit: row for part in parts for row in _rows(desk, part)})


def rates(desk: Desk, flow: str, rule: str, name: str, at: int, under: str = "") -> Rates:
    """How many units of a subtree are in each state at an instant: expected, on time, late, zero, missing. The period is
    shown by the calendar of ``under``."""
    parts = _parts(desk, flow, rule, name, at, under)
    first = parts[0]
    if len(parts) == 1 and first.units is None and not (first.others or first.excused):
        every, late = store.counts(desk.connection, first.asked)
        return Rates(at, first.period, {s: every.get(s, 0) for s in STATES}, late)
    shown = first.period
    if under and len(parts) > 1:
        with suppress(Unknown):  # it has no such period, and those below it have
            shown = period(desk, flow, rule, name, at, under)
    return rates_of(at, shown, (row for part in parts for row in _rows(desk, part)))


def rates_of(at: int, found: Period, rows: Iterable[Owed]) -> Rates:
    """The same of units that were listed one by one."""
    counts: dict[State, int] = dict.fromkeys(STATES, 0)
    late = 0
    for row in rows:
        counts[row.state] += 1
        late += row.state == "SUPPLEMENTED" and row.received is not None and row.received >= row.missed
    return Rates(at, found, counts, late)


def missing(
    desk: Desk, flow: str, rule: str, name: str, at: int, under: str = "", calendar: str | None = None
) -> list[str]:
    """Who has not reported by an instant: MISSING, or DUE where the time has not passed. One anti-join (one for each
    calendar, where units have calendars of their own).

    Args:
        calendar: only those who count by the calendar of this name.
    """
    parts = _parts(desk, flow, rule, name, at, under)
    if calendar is not None:
        parts = [p for p in parts if p.calendar == calendar]
    return _in_order(desk, parts, {u: u for p in parts for u in _waiting(desk, p)})


def overdue(
    desk: Desk, at: int, since: date, *, sees: Callable[[str], bool] = lambda unit: True
) -> dict[tuple[str, str, str], int]:
    """Every period with somebody MISSING at an instant: (flow, rule, period) -> how many; from the calendars alone.

    Args:
        since: the first date of periods that are looked at.
        sees: which units whoever asks may see.
    """
    out: dict[tuple[str, str, str], int] = {}
    for flow in store.published(desk.connection):
        definition = in_force(desk, flow, at)
        ahead = timedelta(days=rules.HOLIDAY)  # some are due before their date
        until = local_day(at, definition.flow.timezone) + ahead
        for rule in definition.flow.obligations:
            for each in periods(desk, flow, rule, since, until, at):
                if each.missed > at and not definition.flow.calendars:
                    continue
                parts = [p for p in _parts(desk, flow, rule, each.name, at) if p.period.missed <= at]
                n = sum(sees(u) for p in parts for u in _waiting(desk, p))
                if n:
                    out[flow, rule, each.name] = n
    return out


def report_id(flow: str, unit: str, name: str) -> str:
    """The id of a unit's report for a period, open or not."""
    return rules.report_id(flow, unit, name)


def open_report(desk: Desk, flow: str, unit: str, name: str, by: Actor | None = None) -> str:
    """The unit's report for a period, opened if nobody has yet. Returns its id.

    Raises:
        BadMaterial: the unit owes no report of that period. WrongStage: the period has not begun.
    """
    item = report_id(flow, unit, name)
    if not items.present(desk.connection, [item]):
        desk.act(Open(item=item, by=by, flow=flow, unit=unit, campaign=name))
    return item


def exempt(desk: Desk, flow: str, unit: str, name: str, by: Actor, reason: str) -> Receipt:
    """Exempt a unit from its report of a period, whether anybody has opened it or not."""
    item = open_report(desk, flow, unit, name)
    return desk.exempt(item, by, desk.case_of(item)[0].content, reason)


@dataclass(frozen=True)
class _Part:
    """The question about those who count a period's date by one calendar.

    Attributes:
        units: who of the roster is asked about; None for everybody. ``others``: who counts by another calendar.
        excused: whom a class exempts.
    """

    calendar: str
    period: Period
    asked: store.Asked
    units: set[str] | None
    others: set[str]
    excused: set[str]

    def has(self, unit: str) -> bool:
        return (self.units is None or unit in self.units) and unit not in self.others


def _parts(desk: Desk, flow: str, rule: str, name: str, at: int, under: str = "") -> list[_Part]:
    """The question about a period, in as many parts as there are calendars by which there is one of that name."""
    read = Periods(desk, at)
    definition, found = bound = read.binding(flow, rule, name)
    org = OrgReader(desk.connection, as_of(desk.connection, at))
    own = own_calendars(org, definition, bound.first.nominal.isoformat())
    levels = definition.flow.obligations[rule].owed_by
    stages = _stages(read, flow)
    parts = []
    for calendar, each in found.items():
        units, others = _inside(org, definition, rule, each, under), set(own)
        if calendar != definition.flow.calendar:
            mine = {u for u, c in own.items() if c == calendar}
            units, others = mine if units is None else units & mine, set()
        asked = _question(flow, stages, name, levels, each.day, each.missed, at, unique=True)
        parts.append(_Part(calendar, each, asked, units, others, _excused(org, definition, rule, each)))
    return parts


def _rows(desk: Desk, part: _Part) -> Iterator[Owed]:
    for r in store.rows(desk.connection, part.asked):
        if part.has(r.unit):
            state: State = "EXEMPT" if r.unit in part.excused else r.state  # type: ignore[assignment]
            yield Owed(r.unit, state, r.received, r.zero, r.item or "", part.period.missed)


def _waiting(desk: Desk, part: _Part) -> list[str]:
    return [u for u in store.not_in(desk.connection, part.asked) if part.has(u) and u not in part.excused]


def _in_order(desk: Desk, parts: list[_Part], found: dict[str, T]) -> list[T]:
    """What was found of units, in the order in which offices list them: one part has it already."""
    if len(parts) < 2:
        return list(found.values())
    org = OrgReader(desk.connection, as_of(desk.connection, parts[0].asked.at))
    order = {u: n for part in parts for n, u in enumerate(org.roster(part.asked.levels, part.asked.day))}
    return [found[u] for u in sorted(found, key=lambda u: (order.get(u, len(order)), u))]


def asked_once(desk: Desk, definition: Definition, campaign: str, at: int, levels: tuple[str, ...]) -> store.Asked:
    """The same question about a report that is owed once, by a node: ``reports: {owed-by, node}``."""
    reports = definition.flow.reports
    assert reports is not None, f"{definition.name} owes no reports"
    zone = definition.flow.timezone
    today = local_day(at, zone)
    node = node_day(definition, binding_nodes(definition, today), reports.node)
    missed = start_of_day(node + timedelta(days=1), zone) if node is not None else at + 1
    stages = _stages(Periods(desk, at), definition.name)
    return _question(definition.name, stages, campaign, levels, today, missed, at, unique=False)


def _stages(read: Periods, flow: str) -> list[Stage]:
    """The stages of every version by then: what came in under an earlier one is in, whatever a later one calls it."""
    return [stage for _, definition in read.versions(flow) for stage in definition.flow.stages]


def owed_once(desk: Desk, flow: str, campaign: str, level: str, at: int) -> list[OwedOnce]:
    """Who of a level owes the report of a campaign at an instant, and what came of it, in the order of offices' lists.

    Raises:
        Unknown: that level owes no report of the flow.
    """
    definition = in_force(desk, flow, at)
    if definition.flow.reports is None or level not in definition.flow.reports.owed_by:
        raise Unknown(kind="level", name=level[:64])
    return store.rows(desk.connection, asked_once(desk, definition, campaign, at, (level,)))


def _question(
    flow: str,
    stages: Iterable[Stage],
    campaign: str,
    levels: tuple[str, ...],
    day: date,
    missed: int,
    at: int,
    *,
    unique: bool,
) -> store.Asked:
    every = list(stages)
    return store.Asked(
        flow=flow,
        campaign=campaign,
        levels=levels,
        day=day.isoformat(),
        finals=tuple(dict.fromkeys(s.stage for s in every if s.final)),
        zeros=tuple(dict.fromkeys(s.exits[s.zero.exit].to for s in every if s.zero is not None)),
        missed=missed,
        at=at,
        unique=unique,
    )


def _inside(org: OrgReader, definition: Definition, rule: str, found: Period, under: str) -> set[str] | None:
    """The units that the question is about, by the roster's day; None for all."""
    day = found.day.isoformat()
    scope = definition.flow.obligations[rule].under
    inside = _below(org, scope, day) if scope else None
    if under:
        below = set(org.subtree(under, day))
        inside = below if inside is None else inside & below
    return inside


def _excused(org: OrgReader, definition: Definition, rule: str, found: Period) -> set[str]:
    """The units that a class exempts from a period, by the roster's day."""
    binding = [e for e in definition.flow.obligations[rule].excused if e.binds(found.nominal)]
    day = found.day.isoformat()
    return _below(org, [root for each in binding for root in each.units], day)


def _below(org: OrgReader, roots: Iterable[str], day: str) -> set[str]:
    """Some units that a definition names and all below them; one that nobody knows (yet) has none."""
    found: set[str] = set()
    for root in roots:
        with suppress(Unknown):
            found |= set(org.subtree(root, day))
    return found


def _now(desk: Desk, at: int | None) -> int:
    return desk.now() if at is None else at
