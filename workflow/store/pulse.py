"""All that an idle sweep asks of a database, in one statement: the moment, what was published, the first due that waits.

A sweep runs every few seconds on every node, and mostly finds nothing to do. A question of its own for each of these
costs a round trip each, and a transaction around them two more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t
from workflow.store.claims import Place
from workflow.store.statement import Statement


class Pulse(NamedTuple):
    """What a sweep finds.

    Attributes:
        at: the moment, microseconds UTC.
        published: how many definitions and calendars there are; none is ever taken back, so the same number is the same
            set.
        first: where the first due stands whose rung has come; None where none has.
    """

    at: int
    published: tuple[int, int]
    first: Place | None


_d = t.due.c


def _statement(at: sa.ColumnElement[Any]) -> Statement:
    after = sa.tuple_(*(bindparam(name, type_=sa.BigInteger) for name in ("after_at", "after_id")))
    first = (
        sa.select(_d.next_at, _d.id)
        # state = 0 as a literal, or a generic plan cannot use the index of open dues
        .where(sa.text("state = 0"), _d.next_at <= at, _d.attempts < bindparam("attempts"))
        .where(sa.tuple_(_d.next_at, _d.id) > after)
        .order_by(_d.next_at, _d.id)
        .limit(1)
        .subquery("first")
    )
    counts = [sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in (t.definition, t.calendar)]
    said = sa.select(at.label("at"), *(c.label(n) for c, n in zip(counts, ("flows", "calendars"), strict=True)))
    said_ = said.subquery("said")
    return Statement(sa.select(*said_.c, *first.c).select_from(said_.outerjoin(first, sa.true())))


_given = _statement(sa.cast(bindparam("at", type_=sa.BigInteger), sa.BigInteger))
# of this statement, not of this instant: the first can bound the walk through an index
_by_clock = _statement(sa.cast(sa.extract("epoch", sa.func.statement_timestamp()) * 1_000_000, sa.BigInteger))


def pulse(connection: Connection, at: int | None, attempts: int, after: Place) -> Pulse:
    """What waits behind a place, at a moment or (``at`` None, PostgreSQL only) at that of the database's own clock.

    Args:
        attempts: dues that failed so often are parked and left out.
    """
    values = {"attempts": attempts, "after_at": after.next_at, "after_id": after.id}
    if at is None:
        row = _by_clock.one(connection, values)
    else:
        row = _given.one(connection, {**values, "at": at})
    assert row is not None
    moment, flows, calendars, next_at, id_ = row
    return Pulse(int(moment), (flows, calendars), None if next_at is None else Place(next_at, id_))
