"""What is owed: periods, who is in which state at any instant, rates of any subtree, and a unit's report.

Computed at the moment of asking from the roster, the calendar and the entries; nothing is stored before somebody acts,
and no job has to have run. An instant asks for what was in and said by then; the roster is that of the period's day, as
the organisation is known now: a unit that was entered late owed all the same. Source: S0 「应报必报,不要遮遮掩掩」, R054;
S0 「横向到边,纵向到底」, R061.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from workflow.acts import Actor, Open
from workflow.clock import local_day
from workflow.definition.definition import Definition
from workflow.desk import Desk
from workflow.errors import Said, Unknown, among
from workflow.receipt import Receipt
from workflow.rules import obligations as rules
from workflow.rules.dues import binding_nodes, node_day
from workflow.rules.obligations import STATES, Period, State
from workflow.rules.reckoning import reckon
from workflow.store import items, library
from workflow.store import obligations as store
from workflow.store.org import OrgReader


@dataclass(frozen=True)
class Owed:
    """One unit's report of a period at an instant.

    Attributes:
        state: exactly one of ``rules.obligations.STATES``.
        received: when the first valid report was in, µs UTC; ``zero`` whether it said zero; ``item`` the report.
    """

    unit: str
    state: State
    received: int | None
    zero: bool
    item: str


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


def periods(desk: Desk, flow: str, rule: str, since: date, until: date, at: int | None = None) -> list[Period]:
    """The periods of an obligation whose date lies between two days, both included."""
    definition = in_force(desk, flow, _now(desk, at))
    if rule not in definition.flow.obligations:
        raise Unknown(kind="obligation", name=rule, hint=among(definition.flow.obligations))
    return list(rules.periods(definition, _calendar(desk, definition), rule, since, until))


def period(desk: Desk, flow: str, rule: str, name: str, at: int | None = None) -> Period:
    """A period by its name (``2019-W41``), as the definition in force at an instant reads it.

    Raises:
        Unknown: no such obligation, or no period of it.
    """
    definition = in_force(desk, flow, _now(desk, at))
    return rules.period(definition, _calendar(desk, definition), rule, name)


def owed(desk: Desk, flow: str, rule: str, name: str, at: int, under: str = "") -> list[Owed]:
    """Every unit that owes a report of a period, with its state at an instant, past or present; in offices' order.

    Args:
        under: only this unit and everything below it on the period's day.
    """
    definition = in_force(desk, flow, at)
    found, asked = _asked(desk, definition, rule, name, at)
    inside = _inside(desk, definition, rule, found, under)
    excused = _excused(desk, definition, rule, found)
    return _rows(desk, asked, inside, excused)


def _rows(desk: Desk, asked: store.Asked, inside: set[str] | None, excused: set[str]) -> list[Owed]:
    return [
        Owed(r.unit, "EXEMPT" if r.unit in excused else r.state, r.received, r.zero, r.item or "")  # type: ignore[arg-type]
        for r in store.rows(desk.connection, asked)
        if inside is None or r.unit in inside
    ]


def rates(desk: Desk, flow: str, rule: str, name: str, at: int, under: str = "") -> Rates:
    """How many units of a subtree are in each state at an instant: expected, on time, late, zero, missing."""
    definition = in_force(desk, flow, at)
    found, asked = _asked(desk, definition, rule, name, at)
    inside = _inside(desk, definition, rule, found, under)
    excused = _excused(desk, definition, rule, found)
    if inside is None and not excused:
        every, late = store.counts(desk.connection, asked)
        return Rates(at, found, {s: every.get(s, 0) for s in STATES}, late)
    return rates_of(at, found, _rows(desk, asked, inside, excused))


def rates_of(at: int, found: Period, rows: Iterable[Owed]) -> Rates:
    """The same of units that were listed one by one."""
    counts: dict[State, int] = dict.fromkeys(STATES, 0)
    late = 0
    for row in rows:
        counts[row.state] += 1
        late += row.state == "SUPPLEMENTED" and row.received is not None and row.received >= found.missed
    return Rates(at, found, counts, late)


def missing(desk: Desk, flow: str, rule: str, name: str, at: int, under: str = "") -> list[str]:
    """Who has not reported by an instant: MISSING, or DUE where the time has not passed. One anti-join."""
    definition = in_force(desk, flow, at)
    found, asked = _asked(desk, definition, rule, name, at)
    inside = _inside(desk, definition, rule, found, under)
    excused = _excused(desk, definition, rule, found)
    waiting = store.not_in(desk.connection, asked)
    return [u for u in waiting if (inside is None or u in inside) and u not in excused]


def overdue(
    desk: Desk, at: int, since: date, *, sees: Callable[[str], bool] = lambda unit: True
) -> dict[tuple[str, str, str], int]:
    """Every period with somebody MISSING at an instant: (flow, rule, period) -> how many; from the calendar alone.

    Args:
        since: the first date of periods that are looked at.
        sees: which units whoever asks may see.
    """
    out: dict[tuple[str, str, str], int] = {}
    for flow in store.published(desk.connection):
        definition = in_force(desk, flow, at)
        until = local_day(at, definition.flow.timezone)
        for rule in definition.flow.obligations:
            for each in rules.periods(definition, _calendar(desk, definition), rule, since, until):
                if each.missed <= at:
                    n = sum(map(sees, missing(desk, flow, rule, each.name, at)))
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


def asked_once(desk: Desk, definition: Definition, campaign: str, at: int, levels: tuple[str, ...]) -> store.Asked:
    """The same question about a report that is owed once, by a node: ``reports: {owed-by, node}``."""
    reports = definition.flow.reports
    assert reports is not None, f"{definition.name} owes no reports"
    zone = definition.flow.timezone
    today = local_day(at, zone)
    node = node_day(definition, binding_nodes(definition, today), reports.node)
    found = reckon(_calendar(desk, definition), zone, {"on": node.isoformat()}) if node is not None else None
    missed = found.missed if found is not None else at + 1
    return _question(definition, campaign, levels, today, missed, at, unique=False)


def _asked(desk: Desk, definition: Definition, rule: str, name: str, at: int) -> tuple[Period, store.Asked]:
    found = rules.period(definition, _calendar(desk, definition), rule, name)
    levels = definition.flow.obligations[rule].owed_by
    return found, _question(definition, name, levels, found.day, found.missed, at, unique=True)


def _question(
    definition: Definition, campaign: str, levels: tuple[str, ...], day: date, missed: int, at: int, *, unique: bool
) -> store.Asked:
    flow = definition.flow
    return store.Asked(
        flow=flow.flow,
        campaign=campaign,
        levels=levels,
        day=day.isoformat(),
        finals=tuple(s.stage for s in flow.stages if s.final),
        zeros=tuple(s.exits[s.zero.exit].to for s in flow.stages if s.zero is not None),
        missed=missed,
        at=at,
        unique=unique,
    )


def _inside(desk: Desk, definition: Definition, rule: str, found: Period, under: str) -> set[str] | None:
    """The units that the question is about, by the roster's day; None for all."""
    org, day = OrgReader(desk.connection), found.day.isoformat()
    scope = definition.flow.obligations[rule].under
    inside: set[str] | None = {u for root in scope for u in org.subtree(root, day)} if scope else None
    if under:
        below = set(org.subtree(under, day))
        inside = below if inside is None else inside & below
    return inside


def _excused(desk: Desk, definition: Definition, rule: str, found: Period) -> set[str]:
    """The units that a class exempts from a period, by the roster's day."""
    binding = [e for e in definition.flow.obligations[rule].excused if e.binds(found.nominal)]
    if not binding:
        return set()
    org, day = OrgReader(desk.connection), found.day.isoformat()
    return {u for each in binding for root in each.units for u in org.subtree(root, day)}


def _calendar(desk: Desk, definition: Definition):  # type: ignore[no-untyped-def]
    return desk.engine.calendar(desk.connection, definition.flow.calendar)


def _now(desk: Desk, at: int | None) -> int:
    return desk.engine.now(desk.connection) if at is None else at
