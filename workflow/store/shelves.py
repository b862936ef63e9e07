"""A campaign's items counted by unit and read for some units, now or as they stood; and the dues that are missed. Read only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t
from workflow.store.listing import UNANNOUNCED, Wanted, conditions, joined, parted, values_of
from workflow.store.moves import units_then
from workflow.store.statement import among

_i, _s, _d = t.item.c, t.stay.c, t.due.c
_NOW = (_i.flow == bindparam("flow"), _i.campaign == bindparam("campaign"))
_THEN = (
    *_NOW,
    _s.entered_at <= bindparam("at"),
    sa.or_(_s.left_at.is_(None), _s.left_at > bindparam("at")),
)
_ROW = (_i.id, _i.unit, _i.klass, _i.category, _i.opened_at)
_OPEN = (  # not met by then; a due that is met in time is not missed
    _d.missed_at <= bindparam("at"),
    _d.state != 3,
    sa.or_(_d.met_at.is_(None), _d.met_at > bindparam("at")),
)


def _source(at: int | None) -> tuple[Any, tuple[Any, ...]]:
    """The tables and conditions of items as they are now, or as they stood."""
    return (t.item, _NOW) if at is None else (t.item.join(t.stay, _s.item == _i.id), _THEN)


def _values(flow: str, campaign: str, klass: str, at: int | None) -> dict[str, Any]:
    values: dict[str, Any] = {"flow": flow, "campaign": campaign}
    return values | ({"klass": klass} if klass else {}) | ({} if at is None else {"at": at})


def by_unit(connection: Connection, flow: str, campaign: str, klass: str, at: int | None) -> list[tuple[str, int]]:
    """How many items of a class (empty: of any) each unit has, without unannounced checks. ``at`` None: now."""
    source, held = _source(at)
    of_class = (_i.klass == bindparam("klass"),) if klass else ()
    wanted, values = (*held, *of_class, _i.klass != UNANNOUNCED), _values(flow, campaign, klass, at)
    asked = sa.select(_i.unit, sa.func.count()).select_from(source).where(*wanted).group_by(_i.unit)
    found: dict[str, int] = dict(connection.execute(asked, values).all())
    if at is not None and (then := units_then(connection, at)):
        moved = sa.select(_i.id, _i.unit).select_from(source).where(*wanted, among(connection, _i.id, "moved"))
        counts = Counter(found)
        for item, unit in connection.execute(moved, {**values, "moved": json.dumps(sorted(then))}):
            counts[unit] -= 1
            counts[then[item]] += 1
        return [(unit, n) for unit, n in counts.items() if n]
    return list(found.items())


def checks(connection: Connection, flow: str, campaign: str, at: int | None) -> list[tuple[str, str]]:
    """The unannounced checks there are, which are few: ``(item, unit)``. Those of other campaigns are left out here, for a
    database that is asked for these would rather read the whole campaign than the index of such checks."""
    source, held = _source(at)
    asked = sa.select(_i.id, _i.unit, _i.flow, _i.campaign).select_from(source)
    asked = asked.where(*held[len(_NOW) :], sa.text("klass = 'unannounced'"))
    rows = connection.execute(asked, {} if at is None else {"at": at})
    found = [(r.id, r.unit) for r in rows if (r.flow, r.campaign) == (flow, campaign)]
    then = units_then(connection, at) if at is not None and found else {}
    return [(item, then.get(item, unit)) for item, unit in found]


def rows(
    connection: Connection, flow: str, campaign: str, klass: str, at: int | None, units: Collection[str]
) -> Sequence[Any]:
    """The items of some units: ``id, unit, klass, category, opened_at, stage, round``."""
    source, held = _source(at)
    of_class = (_i.klass == bindparam("klass"),) if klass else ()
    place = (_i.stage, _i.round) if at is None else (_s.stage, _s.round)
    asked = sa.select(*_ROW, *place).select_from(source).where(*held, *of_class)
    values = {**_values(flow, campaign, klass, at), "units": json.dumps(sorted(units))}
    then = {} if at is None else units_then(connection, at)
    if not then:
        return connection.execute(asked.where(among(connection, _i.unit)), values).all()
    here = [item for item, unit in then.items() if unit in units]
    asked = asked.where(sa.or_(among(connection, _i.unit), among(connection, _i.id, "moved")))
    found = _as_of(connection.execute(asked, {**values, "moved": json.dumps(here)}).all(), then, "id")
    return [r for r in found if r.unit in units]


def _as_of(rows: Sequence[Any], then: Mapping[str, str], item: str) -> Sequence[Any]:
    """Rows about items, ``item`` the column that names them, each with the unit that its item was about then."""
    if not then:
        return rows
    return [SimpleNamespace(**{**r._mapping, "unit": then.get(getattr(r, item), r.unit)}) for r in rows]


def in_order(connection: Connection, flow: str, campaign: str, units: Collection[str]) -> list[tuple[str, str]]:
    """Every item of a campaign about some units, in order of opening: ``(item, unit)``."""
    asked = sa.select(_i.id, _i.unit).where(*_NOW, among(connection, _i.unit)).order_by(_i.opened_at, _i.id)
    values = {"flow": flow, "campaign": campaign, "units": json.dumps(sorted(units))}
    return [(r.id, r.unit) for r in connection.execute(asked, values)]


def claims(connection: Connection, items: Collection[str]) -> Sequence[Any]:
    """What is claimed and found of some items, as it stands now."""
    c = t.claim.c
    asked = sa.select(c.item, c.claimed, c.claimed_at, c.verified, c.verified_at)
    return connection.execute(asked.where(among(connection, c.item, "items")), {"items": json.dumps(list(items))}).all()


def missed_units(connection: Connection, at: int) -> list[tuple[tuple[str, str, str, bool], list[str]]]:
    """The dues that are missed and not met by an instant, as the units of their items, once for each due: ``(flow, campaign,
    stage, covert), units``; ``covert`` where the items are unannounced checks."""
    if connection.dialect.name == "postgresql":
        stage: Any = sa.func.split_part(_d.rule, "/", 1)
    else:
        stage = sa.func.substr(_d.rule, 1, sa.func.instr(_d.rule, "/") - 1)
    by = (_i.flow, _i.campaign, stage.label("stage"), (_i.klass == UNANNOUNCED).label("covert"))
    source = t.due.join(t.item, _i.id == _d.item)
    asked = sa.select(*by, joined(connection, _i.unit)).select_from(source).where(*_OPEN)
    rows = connection.execute(asked.group_by(*(sa.text(str(n)) for n in range(1, 5))), {"at": at})
    found = {(flow, campaign, stage, bool(covert)): parted(units) for flow, campaign, stage, covert, units in rows}
    if then := units_then(connection, at):
        each = sa.select(*by, _i.id, _i.unit).select_from(source).where(*_OPEN, among(connection, _i.id, "moved"))
        for flow, campaign, stage, covert, *moved in connection.execute(each, _moved(at, then)):
            _restate(found[flow, campaign, stage, bool(covert)], then, *moved)
    return list(found.items())


def _moved(at: int, then: Mapping[str, str]) -> dict[str, Any]:
    return {"at": at, "moved": json.dumps(sorted(then))}


def _restate(units: list[str], then: Mapping[str, str], item: str, unit: str) -> None:
    """Count an item that moved since under the unit it was about then."""
    units.remove(unit)
    units.append(then[item])


def missed(connection: Connection, at: int, wanted: Wanted, limit: int) -> Sequence[Any]:
    """The dues missed and not met by an instant, those missed first at first: ``item, unit, flow, rule, missed_at, step``."""
    asked = (
        sa.select(_d.item, _i.unit, _i.flow, _d.rule, _d.missed_at, _d.step)
        .select_from(t.due.join(t.item, _i.id == _d.item))
        .where(*_OPEN, *conditions(connection, wanted))
        .order_by(_d.missed_at, _d.item)
        .limit(bindparam("limit"))
    )
    rows = connection.execute(asked, {**values_of(wanted), "at": at, "limit": limit}).all()
    return _as_of(rows, units_then(connection, at), "item")


def ever_missed(connection: Connection, at: int, wanted: Wanted, first: int, limit: int) -> tuple[Sequence[Any], int]:
    """The dues missed by an instant, met late or not met, those missed first at first: ``item, unit, flow, rule, missed_at,
    met_at, step`` of those behind so many others; and how many there are."""
    missed = (_d.missed_at <= bindparam("at"), _d.state != 3, sa.or_(_d.met_at.is_(None), _d.met_at >= _d.missed_at))
    source, held = t.due.join(t.item, _i.id == _d.item), (*missed, *conditions(connection, wanted))
    row = (_d.item, _i.unit, _i.flow, _d.rule, _d.missed_at, _d.met_at, _d.step)
    asked = sa.select(*row).select_from(source).where(*held).order_by(_d.missed_at, _d.item, _d.rule)
    values = {**values_of(wanted), "at": at}
    every = connection.execute(sa.select(sa.func.count()).select_from(source).where(*held), values).scalar_one()
    page = asked.limit(bindparam("limit")).offset(bindparam("first"))
    rows = connection.execute(page, {**values, "limit": limit, "first": first}).all()
    return _as_of(rows, units_then(connection, at), "item"), int(every)


def late_units(connection: Connection, at: int) -> list[tuple[bool, list[str]]]:
    """The dues that were met by an instant, later than they should have been, as the units of their items: ``covert, units``."""
    late = (_d.missed_at <= bindparam("at"), _d.state != 3, _d.met_at >= _d.missed_at, _d.met_at <= bindparam("at"))
    covert = (_i.klass == UNANNOUNCED).label("covert")
    source = t.due.join(t.item, _i.id == _d.item)
    asked = sa.select(covert, joined(connection, _i.unit)).select_from(source).where(*late).group_by(sa.text("1"))
    found = {bool(hidden): parted(units) for hidden, units in connection.execute(asked, {"at": at})}
    if then := units_then(connection, at):
        each = sa.select(covert, _i.id, _i.unit).select_from(source).where(*late, among(connection, _i.id, "moved"))
        for hidden, *moved in connection.execute(each, _moved(at, then)):
            _restate(found[bool(hidden)], then, *moved)
    return list(found.items())
