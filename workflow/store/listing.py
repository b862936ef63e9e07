"""Pages of items and counts of them, over the units that somebody may look at. Read only."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t
from workflow.store.statement import among


@dataclass(frozen=True)
class Wanted:
    """Which items; an empty text asks for any, ``final`` None for open and closed alike. ``verified`` is confirmed, refuted,
    or unchecked: claimed, and nobody has said since whether it is so.

    Attributes:
        units: the units the items are about; None: of any unit.
        but: where nearly all units are asked for, those that are not; in place of ``units``.
        own: where ``units`` or ``but`` are given, those of which unannounced checks are not listed before they are carried
            out.
    """

    units: Collection[str] | None = None
    but: Collection[str] | None = None
    flow: str = ""
    campaign: str = ""
    stage: str = ""
    klass: str = ""
    category: str = ""
    final: bool | None = None
    claimed: str = ""
    verified: str = ""
    own: Collection[str] = ()


_shown = sa.select(
    t.item.c.id,
    t.item.c.flow,
    t.item.c.definition,
    t.item.c.campaign,
    t.item.c.unit,
    t.item.c.stage,
    t.item.c.round,
    t.item.c.klass,
    t.item.c.category,
    t.item.c.final,
    t.item.c.opened_at,
    t.claim.c.claimed,
    t.claim.c.verified,
).outerjoin_from(t.item, t.claim, t.claim.c.item == t.item.c.id)
UNANNOUNCED = "unannounced"
UNCHECKED = "unchecked"
_unannounced = sa.select(t.item.c.id, t.item.c.unit).where(sa.text("klass = 'unannounced'"))  # as its index has it
_BETWEEN = "\x1f"  # the separator of units that Unicode has; no id holds one
_where_from = sa.select(t.item.c.unit).where(t.item.c.id == bindparam("item"))


def page(
    connection: Connection, wanted: Wanted, *, before: tuple[int, str] | None = None, limit: int = 50
) -> Sequence[Any]:
    """Items, those opened last first.

    Args:
        before: ``(opened_at, id)`` of the last row of the page before.
        limit: how many rows at most.
    """
    if wanted.units is not None and not wanted.units:
        return []
    asked = _shown.where(*conditions(connection, wanted))
    values = values_of(wanted)
    if before is not None:
        asked = asked.where(
            sa.tuple_(t.item.c.opened_at, t.item.c.id) < sa.tuple_(bindparam("opened_at"), bindparam("id"))
        )
        values |= {"opened_at": before[0], "id": before[1]}
    asked = asked.order_by(t.item.c.opened_at.desc(), t.item.c.id.desc()).limit(bindparam("limit"))
    return connection.execute(asked, {**values, "limit": limit}).all()


def counts(connection: Connection, wanted: Wanted) -> Sequence[Any]:
    """How many items there are: ``unit, flow, stage, klass, final, items`` for each combination there is.

    ``category`` is not counted by: an index alone answers.
    """
    if wanted.units is not None and not wanted.units:
        return []
    c = t.item.c
    by = (c.unit, c.flow, c.stage, c.klass, c.final)
    asked = sa.select(*by, sa.func.count().label("items")).where(*conditions(connection, wanted)).group_by(*by)
    return connection.execute(asked, values_of(wanted)).all()


def units_of(connection: Connection, wanted: Wanted) -> list[tuple[str, str, str, bool, list[str]]]:
    """The units that items are about, once for each item: ``flow, stage, klass, final, units``. One long text for each
    combination is read in a fraction of the time that a row for each unit takes."""
    if wanted.units is not None and not wanted.units:
        return []
    c = t.item.c
    by = (c.flow, c.stage, c.klass, c.final)
    asked = sa.select(*by, joined(connection, c.unit)).where(*conditions(connection, wanted)).group_by(*by)
    rows = connection.execute(asked, values_of(wanted))
    return [(flow, stage, klass, bool(final), parted(units)) for flow, stage, klass, final, units in rows]


def everywhere(connection: Connection) -> list[tuple[tuple[str, str, str, str, bool], list[str]]]:
    """All items there are, as the units that they are about, once for each item: ``(flow, campaign, stage, klass, final),
    units``. Read from one index, in its order."""
    c = t.item.c
    by = (c.flow, c.campaign, c.stage, c.klass, c.final)
    rows = connection.execute(sa.select(*by, joined(connection, c.unit)).group_by(*by))
    return [
        ((flow, campaign, stage, klass, bool(final)), parted(units))
        for flow, campaign, stage, klass, final, units in rows
    ]


def joined(connection: Connection, column: Any) -> sa.ColumnElement[str]:
    """Ids of many rows as one long text, read in a fraction of the time that a row for each takes."""
    postgresql = connection.dialect.name == "postgresql"
    return (sa.func.string_agg if postgresql else sa.func.group_concat)(column, _BETWEEN)


def parted(text: str) -> list[str]:
    """What ``joined`` put together."""
    return text.split(_BETWEEN)


def totals(connection: Connection, wanted: Wanted) -> tuple[Sequence[Any], int]:
    """The same, whatever unit they are about: ``flow, stage, klass, final, items``; and how many units have any."""
    if wanted.units is not None and not wanted.units:
        return [], 0
    c, values, held = t.item.c, values_of(wanted), conditions(connection, wanted)
    by = (c.flow, c.stage, c.klass, c.final)
    asked = sa.select(*by, sa.func.count().label("items")).where(*held).group_by(*by)
    units = sa.select(sa.func.count(sa.distinct(c.unit))).where(*held)
    return connection.execute(asked, values).all(), connection.execute(units, values).scalar_one()


def campaigns(connection: Connection, wanted: Wanted) -> list[tuple[str, str, int]]:
    """How many items each campaign of each flow has: ``(flow, campaign, items)``."""
    if wanted.units is not None and not wanted.units:
        return []
    by = (t.item.c.flow, t.item.c.campaign)
    asked = sa.select(*by, sa.func.count()).where(*conditions(connection, wanted)).group_by(*by)
    return [(flow, campaign, n) for flow, campaign, n in connection.execute(asked, values_of(wanted))]


def fired(connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int = 100) -> Sequence[Any]:
    """The entries of rungs that fired about some units, newest first: ``id, chain, at, body, unit, definition``.
    Those of unannounced checks are told only where all units are meant.

    Args:
        before: the ``id`` of the last row of the page before.
    """
    asked = (
        sa.select(t.entry.c.id, t.entry.c.chain, t.entry.c.at, t.entry.c.body, t.item.c.unit, t.item.c.definition)
        .join(t.item, t.item.c.id == t.entry.c.chain)
        .where(t.entry.c.act == "fire")
    )
    asked = asked.where(*conditions(connection, wanted))
    values: dict[str, Any] = {**values_of(wanted), "limit": limit}
    if wanted.units is not None or wanted.but is not None:
        asked = asked.where(t.item.c.klass != UNANNOUNCED)
    if before is not None:
        asked, values = asked.where(t.entry.c.id < bindparam("before")), {**values, "before": before}
    return connection.execute(asked.order_by(t.entry.c.id.desc()).limit(bindparam("limit")), values).all()


def unannounced(connection: Connection) -> list[tuple[str, str]]:
    """The checks that are not carried out yet: ``(item, unit)``."""
    return [(r.id, r.unit) for r in connection.execute(_unannounced)]


def unit_of(connection: Connection, item: str) -> str | None:
    """The unit an item is about, or None."""
    return connection.execute(_where_from, {"item": item}).scalar()


def conditions(connection: Connection, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    c = t.item.c
    found = [
        column == bindparam(f"w_{name}")
        for name, column in (
            ("flow", c.flow),
            ("campaign", c.campaign),
            ("stage", c.stage),
            ("klass", c.klass),
            ("category", c.category),
        )
        if getattr(wanted, name)
    ]
    if wanted.claimed or wanted.verified:
        said = sa.select(t.claim.c.item)
        if wanted.claimed:
            said = said.where(t.claim.c.claimed == bindparam("w_claimed"))
        if wanted.verified == UNCHECKED:
            said = said.where(t.claim.c.claimed != "", t.claim.c.verified == "")
        elif wanted.verified:
            said = said.where(t.claim.c.verified == bindparam("w_verified"))
        found.append(c.id.in_(said))
    if wanted.final is not None:
        found.append(c.final == bindparam("w_final"))
    if wanted.units is not None:
        found.append(among(connection, c.unit))
    elif wanted.but:
        found.append(sa.not_(among(connection, c.unit, "but")))
    if wanted.own:
        found.append(sa.or_(c.klass != UNANNOUNCED, sa.not_(among(connection, c.unit, "own"))))
    return found


def values_of(wanted: Wanted) -> dict[str, Any]:
    names = ("flow", "campaign", "stage", "klass", "category")
    values: dict[str, Any] = {f"w_{n}": getattr(wanted, n) for n in names if getattr(wanted, n)}
    values |= {f"w_{n}": v for n in ("claimed", "verified") if (v := getattr(wanted, n)) not in ("", UNCHECKED)}
    if wanted.final is not None:
        values["w_final"] = wanted.final
    if wanted.units is not None:
        values["units"] = json.dumps(sorted(wanted.units))
    elif wanted.but:
        values["but"] = json.dumps(sorted(wanted.but))
    if wanted.own:
        values["own"] = json.dumps(sorted(wanted.own))
    return values
