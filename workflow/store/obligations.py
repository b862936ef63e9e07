"""Who owes a report of a period and what came in by an instant: the roster minus the received, in one statement.

Nothing here is stored beforehand. What came in is read from the stays of the reports, what was said about them from
their entries, and the roster from what was known of the organisation by then, so that any past instant can be asked about
and answers as it did.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import items
from workflow.store import tables as t
from workflow.store.known import as_of, known, last_moment
from workflow.store.statement import upsert

SOME = 500  # names a statement
Form = Literal["now", "then", "known"]
"""Which roster a question needs: the units as they are; with the level that some had on its day; as they were known."""


@dataclass(frozen=True)
class Asked:
    """Which reports are asked about, and by when.

    Attributes:
        levels: who owes; ``day`` the day of the roster, an ISO date.
        finals: stages in which a report is in; ``zeros`` those of them that say zero.
        missed: the first instant that counts as missed; ``at`` the instant asked about (µs UTC): what came in by then, and
            what was known of the organisation then.
        unique: whether a unit can have one report only; where it may have several, the first one counts.
    """

    flow: str
    campaign: str
    levels: tuple[str, ...]
    day: str
    finals: tuple[str, ...]
    zeros: tuple[str, ...]
    missed: int
    at: int
    unique: bool = True


class Row(NamedTuple):
    """One unit that owes: its state, when its report came in (µs UTC), whether that was a zero, and the report."""

    unit: str
    state: str
    received: int | None
    zero: bool
    item: str | None


class _Roster(NamedTuple):
    """Where units, and the level that each had on the day, are read from."""

    source: Any
    unit: Any
    level: sa.ColumnElement[str]


def _roster(form: Form) -> _Roster:
    unit: Any = known("units") if form == "known" else t.unit
    if form == "now":
        return _Roster(unit, unit, unit.c.level)
    then = known("former-names") if form == "known" else t.former_name.alias("then")
    day = bindparam("day", type_=sa.String)
    called = sa.and_(
        then.c.of == sa.literal_column("'unit'"),
        then.c.id == unit.c.id,
        then.c.from_on <= day,
        then.c.until_on > day,
    )
    return _Roster(unit.outerjoin(then, called), unit, sa.func.coalesce(then.c.level, unit.c.level))


def _listed(roster: _Roster) -> sa.ColumnElement[bool]:
    """In the lists of the day: it exists, or should but is not yet established (应建未建)."""
    day, unit = bindparam("day", type_=sa.String), roster.unit
    return sa.and_(
        sa.or_(unit.c.established_on.is_(None), unit.c.established_on <= day),
        sa.or_(unit.c.dissolved_on.is_(None), unit.c.dissolved_on > day),
        roster.level.in_(bindparam("levels", expanding=True)),
    )


def _of_period() -> sa.ColumnElement[bool]:
    return sa.and_(t.item.c.flow == bindparam("flow"), t.item.c.campaign == bindparam("campaign"))


def _in_by_then() -> sa.ColumnElement[bool]:
    return sa.and_(
        t.stay.c.item == t.item.c.id,
        t.stay.c.entered_at <= bindparam("at"),
        t.stay.c.stage.in_(bindparam("finals", expanding=True)),
    )


def _received(unique: bool) -> sa.Subquery:
    """unit, item, the moment its report was in, whether it says zero."""
    zero = sa.case((t.stay.c.stage.in_(bindparam("zeros", expanding=True)), 1), else_=0)
    if unique:
        columns = (t.item.c.unit, t.item.c.id.label("item"), t.stay.c.entered_at.label("received"), zero.label("zero"))
        return sa.select(*columns).where(_of_period(), _in_by_then()).subquery("received")
    first = (
        sa.func.min(t.item.c.id).label("item"),
        sa.func.min(t.stay.c.entered_at).label("received"),
        sa.func.max(zero).label("zero"),
    )
    return sa.select(t.item.c.unit, *first).where(_of_period(), _in_by_then()).group_by(t.item.c.unit).subquery()


def _marks() -> sa.Subquery:
    """unit, and the moment at which each thing was said about its report by then: the first, of contradictions the last
    (one may have been about a report that was missing, and came in after)."""
    said = {
        kind: which(sa.case((t.entry.c.act == kind, t.entry.c.at))).label(kind)
        for kind, which in (("exempt", sa.func.min), ("supplement", sa.func.min), ("contradict", sa.func.max))
    }
    return (
        sa.select(t.item.c.unit, *said.values())
        .join(t.entry, t.entry.c.chain == t.item.c.id)
        .where(_of_period(), sa.text(f"wf_entry.{t.MARKS}"), t.entry.c.at <= bindparam("at"))
        .group_by(t.item.c.unit)
        .subquery("marks")
    )


def _states(unique: bool, marked: bool, roster: _Roster) -> tuple[Any, Any, Any]:
    """The roster joined to what came in; and the state of each row. The order of the cases is that of
    ``rules.obligations.state``, and a test holds the two together."""
    received = _received(unique)
    source = roster.source.outerjoin(received, received.c.unit == roster.unit.c.id)
    came = received.c.received
    # A bound word would be taken for a name of no type by PostgreSQL.
    cases: list[Any] = [(came.is_(None), bindparam("not_in", type_=sa.String))]
    if marked:
        marks = _marks()
        source = source.outerjoin(marks, marks.c.unit == roster.unit.c.id)
        cases.insert(0, (marks.c.exempt.is_not(None), sa.literal_column("'EXEMPT'")))
        cases.append((marks.c.contradict >= came, sa.literal_column("'CONTRADICTED'")))
        cases.append((marks.c.supplement.is_not(None), sa.literal_column("'SUPPLEMENTED'")))
    cases.append((came >= bindparam("missed"), sa.literal_column("'LATE'")))
    cases.append((received.c.zero == 1, sa.literal_column("'ZERO'")))
    return source, sa.case(*cases, else_=sa.literal_column("'SUBMITTED'")).label("state"), received


@lru_cache(maxsize=16)
def _rows_statement(unique: bool, marked: bool, form: Form) -> sa.Select[Any]:
    roster = _roster(form)
    source, state, received = _states(unique, marked, roster)
    unit = roster.unit.c
    columns = (unit.id, state, received.c.received, received.c.zero, received.c.item, unit.ordinal)
    return sa.select(*columns).select_from(source).where(_listed(roster))


@lru_cache(maxsize=16)
def _counts_statement(unique: bool, marked: bool, form: Form) -> sa.Select[Any]:
    roster = _roster(form)
    source, state, received = _states(unique, marked, roster)
    # without marks the state itself says who was late; grouping a million rows by one word more costs
    late = sa.case((received.c.received >= bindparam("missed"), 1), else_=0) if marked else sa.literal_column("0")
    inner = sa.select(state, late.label("late")).select_from(source).where(_listed(roster)).subquery()
    found = (inner.c.state, inner.c.late) if marked else (inner.c.state,)
    return sa.select(*found, sa.func.count().label("units")).group_by(*found)


@lru_cache(maxsize=4)
def _not_in_statement(form: Form) -> sa.Select[Any]:
    roster = _roster(form)
    came = sa.exists().where(_of_period(), t.item.c.unit == roster.unit.c.id, _in_by_then())
    found = sa.select(roster.unit.c.id, roster.unit.c.ordinal).select_from(roster.source)
    return found.where(_listed(roster), ~came)


_other_level = sa.select(t.former_name.c.id).where(
    t.former_name.c.of == sa.literal_column("'unit'"),
    t.former_name.c.from_on <= bindparam("day"),
    t.former_name.c.until_on > bindparam("day"),
)
_exempt = (
    sa.select(t.item.c.unit)
    .join(t.entry, t.entry.c.chain == t.item.c.id)
    .where(_of_period(), sa.text(f"wf_entry.{t.MARKS}"), t.entry.c.act == "exempt", t.entry.c.at <= bindparam("at"))
)
_any_marks = sa.select(t.entry.c.id).where(sa.text(t.MARKS)).limit(1)
_reports = sa.select(t.item.c.unit, t.item.c.id, t.item.c.seq, t.item.c.head, t.item.c.stage, t.item.c.final).where(
    _of_period(), t.item.c.unit.in_(bindparam("units", expanding=True))
)
_levels = sa.select(t.unit.c.id, t.unit.c.level).where(t.unit.c.id.in_(bindparam("units", expanding=True)))


def _values(asked: Asked) -> dict[str, Any]:
    return {
        "flow": asked.flow,
        "campaign": asked.campaign,
        "levels": list(asked.levels),
        "day": asked.day,
        "finals": list(asked.finals),
        "at": asked.at,
    }


def _stated(asked: Asked) -> dict[str, Any]:
    not_in = "MISSING" if asked.at >= asked.missed else "DUE"
    return {**_values(asked), "zeros": list(asked.zeros), "missed": asked.missed, "not_in": not_in}


def _form(connection: Connection, asked: Asked) -> tuple[Form, dict[str, int]]:
    """Which roster the question needs, and as known at what moment; a million units are joined to nothing that cannot
    matter."""
    moment = as_of(connection, asked.at)
    if moment < last_moment(connection):
        return "known", {"known": moment}
    return ("now" if connection.execute(_other_level.limit(1), {"day": asked.day}).first() is None else "then"), {}


def _marked(connection: Connection) -> bool:
    """Whether anything was ever said about a report: joining nothing a million times costs, too."""
    return connection.execute(_any_marks).first() is not None


def rows(connection: Connection, asked: Asked) -> list[Row]:
    """Every unit that owes, in the order in which offices list their units."""
    form, moment = _form(connection, asked)
    statement = _rows_statement(asked.unique, _marked(connection), form)
    found = connection.execute(statement, {**_stated(asked), **moment}).all()
    ordered = sorted(found, key=lambda r: (r[5], r[0]))  # here: databases sort text each in its own way
    return [Row(r[0], r[1], r[2], r[3] == 1, r[4]) for r in ordered]


def counts(connection: Connection, asked: Asked) -> tuple[dict[str, int], int]:
    """How many units are in each state (states that nobody is in are left out), and of those who corrected their report
    (SUPPLEMENTED) how many had been late with the first one."""
    marked, (form, moment) = _marked(connection), _form(connection, asked)
    found: dict[str, int] = {}
    late = 0
    statement = _counts_statement(asked.unique, marked, form)
    for row in connection.execute(statement, {**_stated(asked), **moment}):
        found[row.state] = found.get(row.state, 0) + row.units
        if marked and row.late and row.state == "SUPPLEMENTED":
            late += row.units
    return found, late


def not_in(connection: Connection, asked: Asked) -> list[str]:
    """Who owes, is not exempt and has not reported by then: one anti-join. In the order of offices' lists."""
    form, moment = _form(connection, asked)
    found = connection.execute(_not_in_statement(form), {**_values(asked), **moment}).all()
    exempt: set[str] = set()
    if _marked(connection):
        values = {"flow": asked.flow, "campaign": asked.campaign, "at": asked.at}
        exempt = set(connection.execute(_exempt, values).scalars())
    ordered = sorted((ordinal, unit) for unit, ordinal in found)
    return [unit for _, unit in ordered if unit not in exempt]


def roll(connection: Connection, flow: str, campaign: str, units: Sequence[str]) -> list[dict[str, Any]]:
    """Units with their levels and, where there is one, their report of the period as it stands, in the order given."""
    held: dict[str, dict[str, Any]] = {}
    exempt = set(connection.execute(_exempt, {"flow": flow, "campaign": campaign, "at": 2**62}).scalars())
    for start in range(0, len(units), SOME):
        some = list(units[start : start + SOME])
        for unit, level in connection.execute(_levels, {"units": some}):
            held[unit] = {"unit": unit, "level": level}
        for r in connection.execute(_reports, {"flow": flow, "campaign": campaign, "units": some}):
            report = {"item": r.id, "seq": r.seq, "head": r.head.hex(), "stage": r.stage, "final": r.final}
            held[r.unit].update({**report, "exempt": True} if r.unit in exempt else report)
    return [held[u] for u in units]


# --- roll calls of periods -----------------------------------------------------------------------------------------

_NAMES = ("flow", "rule", "period", "step")
_key = [t.roll_call.c[n] == bindparam(f"b_{n}") for n in _NAMES]
_claimed = sa.select(t.roll_call.c.done_at, t.roll_call.c.opened).where(*_key).with_for_update()
_opened = t.roll_call.update().where(*_key).values(opened=t.roll_call.c.opened + bindparam("count"))
_done = (
    t.roll_call.update()
    .where(*_key, t.roll_call.c.done_at.is_(None))
    .values(done_at=bindparam("at"), missing=bindparam("count"))
)
_low = sa.select(sa.func.max(t.roll_call.c.moment)).where(
    t.roll_call.c.flow == bindparam("flow"),
    t.roll_call.c.rule == bindparam("rule"),
    t.roll_call.c.done_at.is_not(None),
)
_at_moment = sa.select(t.roll_call.c.period, t.roll_call.c.step).where(
    t.roll_call.c.flow == bindparam("flow"),
    t.roll_call.c.rule == bindparam("rule"),
    t.roll_call.c.moment == bindparam("moment"),
    t.roll_call.c.done_at.is_not(None),
)
_published = sa.select(t.definition.c.flow, sa.func.min(t.definition.c.published_at), sa.func.count()).group_by(
    t.definition.c.flow
)
Key = tuple[str, str, str, int]


def _where(key: Key) -> dict[str, Any]:
    return dict(zip(("b_flow", "b_rule", "b_period", "b_step"), key, strict=True))


def claim(connection: Connection, key: Key, moment: int) -> bool:
    """Take a roll call under its lock; the row is made by whoever comes first. False where it is done already."""
    values = {**dict(zip(_NAMES, key, strict=True)), "moment": moment}
    connection.execute(upsert(connection.dialect.name, t.roll_call).on_conflict_do_nothing(), values)
    row = connection.execute(_claimed, _where(key)).one()
    return row.done_at is None


def count_opened(connection: Connection, key: Key, count: int) -> None:
    """So many reports were opened for a roll call in this transaction."""
    connection.execute(_opened, {**_where(key), "count": count})


def finish(connection: Connection, key: Key, at: int, missing: int) -> None:
    """The roll call is done."""
    connection.execute(_done, {**_where(key), "at": at, "count": missing})


def low_water(connection: Connection, flow: str, rule: str) -> tuple[int | None, set[tuple[str, int]]]:
    """The moment of the last roll call that is done, and which periods and steps of that moment are."""
    moment = connection.execute(_low, {"flow": flow, "rule": rule}).scalar()
    if moment is None:
        return None, set()
    found = connection.execute(_at_moment, {"flow": flow, "rule": rule, "moment": moment})
    return moment, {(r[0], r[1]) for r in found}


def published(connection: Connection) -> dict[str, tuple[int, int]]:
    """flow -> (when its first version was published, how many versions there are)."""
    return {r[0]: (r[1], r[2]) for r in connection.execute(_published)}


def present(connection: Connection, wanted: Collection[str]) -> set[str]:
    """Which of these reports are open or in already."""
    names = sorted(wanted)
    found: set[str] = set()
    for start in range(0, len(names), SOME):
        found |= items.present(connection, names[start : start + SOME])
    return found
