"""Days fixed at units: visits to them and requests to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t

_here = (t.burden.c.kind == bindparam("kind"), t.burden.c.unit == bindparam("unit"))
_number = sa.select(sa.func.coalesce(sa.func.max(t.burden.c.n), 0)).where(*_here)
_around = (
    sa.select(t.burden.c.flow, t.burden.c.from_on, t.burden.c.until_on)
    .where(
        *_here,
        t.burden.c.until_on >= bindparam("since"),
        t.burden.c.item != bindparam("item"),
        t.burden.c.state != "called-off",
    )
    .order_by(t.burden.c.from_on, t.burden.c.n)
)
_between = (
    sa.select(
        *(t.burden.c.item, t.burden.c.unit, t.burden.c.flow, t.burden.c.from_on, t.burden.c.until_on),
        *(t.burden.c.state, t.burden.c.persons),
    )
    .where(
        t.burden.c.kind == bindparam("kind"),
        t.burden.c.from_on >= bindparam("since"),
        t.burden.c.from_on <= bindparam("until"),
    )
    .order_by(t.burden.c.from_on, t.burden.c.unit, t.burden.c.n)
)


def around(connection: Connection, kind: str, unit: str, since: str, item: str) -> dict[str, Any]:
    """What stands at a unit from a day on, without one item's own: ``{"n": last number, "rows": [{flow, from, until}]}``."""
    values = {"kind": kind, "unit": unit}
    found = connection.execute(_around, {**values, "since": since, "item": item})
    rows = [{"flow": r.flow, "from": r.from_on, "until": r.until_on} for r in found]
    return {"n": connection.execute(_number, values).scalar(), "rows": rows}


def between(connection: Connection, kind: str, since: str, until: str) -> Sequence[Any]:
    """Every one of a kind that begins on these days, both included, in order."""
    return connection.execute(_between, {"kind": kind, "since": since, "until": until}).all()
