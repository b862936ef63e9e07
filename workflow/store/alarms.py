"""What nobody looked after: rungs whose moment is long past, and rungs that were tried too often."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t

_columns = (t.due.c.item, t.due.c.rule, t.due.c.step, t.due.c.next_at, t.due.c.attempts)
_unfired = (
    sa.select(*_columns)
    .where(sa.text("state = 0"), t.due.c.next_at <= bindparam("until"), t.due.c.attempts < bindparam("attempts"))
    .order_by(t.due.c.next_at, t.due.c.id)
    .limit(bindparam("limit"))
)
_parked = (
    sa.select(*_columns)
    .where(sa.text("state = 0"), t.due.c.attempts >= bindparam("attempts"))
    .order_by(t.due.c.next_at, t.due.c.id)
    .limit(bindparam("limit"))
)
_after = sa.select(sa.func.min(t.due.c.next_at)).where(
    sa.text("state = 0"), t.due.c.next_at > bindparam("after"), t.due.c.attempts < bindparam("attempts")
)


def unfired(connection: Connection, until: int, attempts: int, limit: int) -> list[Any]:
    """Rungs that should have fired by then and did not, and are still to be tried, earliest first."""
    return list(connection.execute(_unfired, {"until": until, "attempts": attempts, "limit": limit}))


def parked(connection: Connection, attempts: int, limit: int) -> list[Any]:
    """Rungs that were tried so often and wait for somebody to look."""
    return list(connection.execute(_parked, {"attempts": attempts, "limit": limit}))


def next_after(connection: Connection, after: int, attempts: int) -> int | None:
    """The first moment after an instant at which a rung fires that is still tried."""
    return connection.execute(_after, {"after": after, "attempts": attempts}).scalar()
