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


def retry(connection: Connection, at: int, attempts: int, item: str, rule: str) -> list[Any]:
    """Let parked rungs be tried again from a moment on: all of them, those of an item, or one. Returns which."""
    wanted: list[sa.ColumnElement[bool]] = [t.due.c.state == 0, t.due.c.attempts >= attempts]
    wanted += [t.due.c.item == item] if item else []
    wanted += [t.due.c.rule == rule] if rule else []
    asked = sa.select(t.due.c.id, *_columns).where(*wanted).order_by(t.due.c.id).with_for_update()
    found = list(connection.execute(asked))
    if found:
        again = t.due.update().where(t.due.c.id.in_(bindparam("ids", expanding=True))).values(attempts=0, next_at=at)
        connection.execute(again, {"ids": [row.id for row in found]})
    return found
