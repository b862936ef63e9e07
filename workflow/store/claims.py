"""Dues whose next rung has come: found in the order of their moments, and claimed together with their items.

A claim locks the item first and the due with it, and passes over what somebody else holds (PostgreSQL): the other order
deadlocks. The lock only spares work. What makes a rung fire once is that its step is checked under the lock, the item's
version is compared when it is written, and the entry's place in the chain is unique; so it does on a database that
takes no notice of ``SKIP LOCKED``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t
from workflow.store.items import Head
from workflow.store.statement import Statement


class Place(NamedTuple):
    """Where a due stands in the order in which dues are swept."""

    next_at: int
    id: int


BEGINNING = Place(-(2**62), 0)


class Claimed(NamedTuple):
    """A due, and its item as it stands under the lock."""

    id: int
    item: str
    rule: str
    step: int
    next_at: int
    attempts: int
    head: Head

    @property
    def place(self) -> Place:
        return Place(self.next_at, self.id)


_d, _i = t.due.c, t.item.c
_columns = (_d.id, _d.item, _d.rule, _d.step, _d.next_at, _d.attempts)
# state = 0 as a literal, or a generic plan cannot use the index of open dues
_waits = (sa.text("state = 0"), _d.next_at <= bindparam("at"), _d.attempts < bindparam("attempts"))
_after = sa.tuple_(_d.next_at, _d.id) > sa.tuple_(
    bindparam("after_at", type_=sa.BigInteger), bindparam("after_id", type_=sa.BigInteger)
)
_in_order = (_d.next_at, _d.id)
_find = Statement(sa.select(*_columns).where(*_waits, _after).order_by(*_in_order).limit(bindparam("limit")))
_with_item = (
    sa.select(*_columns, _i.seq, _i.head, _i.definition, _i.snapshot).join(t.item, _i.id == _d.item).where(*_waits)
)
_claim = Statement(
    _with_item.where(_after)
    .order_by(*_in_order)
    .limit(bindparam("limit"))
    .with_for_update(of=[t.item, t.due], skip_locked=True)
)
_claim_one = Statement(_with_item.where(_d.id == bindparam("id")).with_for_update(of=[t.item, t.due], skip_locked=True))
_failed = (
    t.due.update()
    .where(_d.id == bindparam("b_id"), _d.step == bindparam("b_step"), sa.text("state = 0"))
    .values(attempts=_d.attempts + 1, next_at=bindparam("next_at"))
)


def find(connection: Connection, at: int, limit: int, attempts: int, after: Place = BEGINNING) -> Sequence[Any]:
    """Dues whose next rung has come, earliest first, without a lock: ``id, item, rule, step, next_at, attempts``.

    Args:
        attempts: those that failed so often are parked and left out.
        after: begin behind this place. Rows before it that were moved on meanwhile are not walked over again, which an
            old snapshot somewhere else makes as dear as the day it was opened.
    """
    values = {"at": at, "attempts": attempts, "after_at": after.next_at, "after_id": after.id, "limit": limit}
    return _find.run(connection, values).all()


def claim(connection: Connection, at: int, limit: int, attempts: int, after: Place = BEGINNING) -> list[Claimed]:
    """The same with their items, all locked until the transaction ends; what somebody else holds is passed over."""
    values = {"at": at, "attempts": attempts, "after_at": after.next_at, "after_id": after.id, "limit": limit}
    return [_claimed(row) for row in _claim.all(connection, values)]


def claim_one(connection: Connection, id_: int, at: int, attempts: int) -> Claimed | None:
    """One due with its item; None where it no longer waits, or somebody else holds it."""
    row = _claim_one.one(connection, {"id": id_, "at": at, "attempts": attempts})
    return None if row is None else _claimed(row)


def _claimed(row: Any) -> Claimed:
    id_, item, rule, step, next_at, attempts, seq, head, definition, snapshot = row
    return Claimed(id_, item, rule, step, next_at, attempts, Head(seq, head, definition, snapshot, None))


def count_failure(connection: Connection, due: int, step: int, next_at: int) -> None:
    """A rung could not fire: count it and try later; the others go on. A due that moved meanwhile is left as it is."""
    connection.execute(_failed, {"b_id": due, "b_step": step, "next_at": next_at})
