"""A campaign's items counted by unit and read for some units, now or as they stood; and the dues that are missed. Read only."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t
from workflow.store.listing import UNANNOUNCED, Wanted, conditions, joined, parted, values_of
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
    asked = sa.select(_i.unit, sa.func.count()).select_from(source).where(*held, *of_class, _i.klass != UNANNOUNCED)
    found = connection.execute(asked.group_by(_i.unit), _values(flow, campaign, klass, at))
    return [(unit, n) for unit, n in found]


def checks(connection: Connection, flow: str, campaign: str, at: int | None) -> list[tuple[str, str]]:
    """The unannounced checks there are, which are few: ``(item, unit)``. Those of other campaigns are left out here, for a
    database that is asked for these would rather read the whole campaign than the index of such checks."""
    source, held = _source(at)
    asked = sa.select(_i.id, _i.unit, _i.flow, _i.campaign).select_from(source)
    asked = asked.where(*held[len(_NOW) :], sa.text("klass = 'unannounced'"))
    rows = connection.execute(asked, {} if at is None else {"at": at})
    return [(r.id, r.unit) for r in rows if (r.flow, r.campaign) == (flow, campaign)]


def rows(
    connection: Connection, flow: str, campaign: str, klass: str, at: int | None, units: Collection[str]
) -> Sequence[Any]:
    """The items of some units: ``id, unit, klass, category, opened_at, stage, round``."""
    source, held = _source(at)
    of_class = (_i.klass == bindparam("klass"),) if klass else ()
    place = (_i.stage, _i.round) if at is None else (_s.stage, _s.round)
    asked = sa.select(*_ROW, *place).select_from(source).where(*held, *of_class, among(connection, _i.unit))
    return connection.execute(asked, {**_values(flow, campaign, klass, at), "units": json.dumps(sorted(units))}).all()


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
    asked = sa.select(*by, joined(connection, _i.unit)).select_from(t.due.join(t.item, _i.id == _d.item)).where(*_OPEN)
    rows = connection.execute(asked.group_by(*(sa.text(str(n)) for n in range(1, 5))), {"at": at})
    return [((flow, campaign, stage, bool(covert)), parted(units)) for flow, campaign, stage, covert, units in rows]


def missed(connection: Connection, at: int, wanted: Wanted, limit: int) -> Sequence[Any]:
    """The dues missed and not met by an instant, those missed first at first: ``item, unit, flow, rule, missed_at, step``."""
    asked = (
        sa.select(_d.item, _i.unit, _i.flow, _d.rule, _d.missed_at, _d.step)
        .select_from(t.due.join(t.item, _i.id == _d.item))
        .where(*_OPEN, *conditions(connection, wanted))
        .order_by(_d.missed_at, _d.item)
        .limit(bindparam("limit"))
    )
    return connection.execute(asked, {**values_of(wanted), "at": at, "limit": limit}).all()


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
    return connection.execute(page, {**values, "limit": limit, "first": first}).all(), int(every)


def late_units(connection: Connection, at: int) -> list[tuple[bool, list[str]]]:
    """The dues that were met by an instant, later than they should have been, as the units of their items: ``covert, units``."""
    late = (_d.missed_at <= bindparam("at"), _d.state != 3, _d.met_at >= _d.missed_at, _d.met_at <= bindparam("at"))
    covert = (_i.klass == UNANNOUNCED).label("covert")
    asked = (
        sa.select(covert, joined(connection, _i.unit)).select_from(t.due.join(t.item, _i.id == _d.item)).where(*late)
    )
    rows = connection.execute(asked.group_by(sa.text("1")), {"at": at})
    return [(bool(hidden), parted(units)) for hidden, units in rows]
