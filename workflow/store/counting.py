"""What was counted about persons, and which items say the same in words that should be their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t

MOST = 5_000  # places where one item's texts stand word for word elsewhere

_counted = (
    sa.select(
        t.count.c.n,
        t.count.c.item,
        t.count.c.held_on,
        t.count.c.held_by,
        t.count.c.campaign,
        t.count.c.reversed_seq,
        t.count.c.opened,
        t.item.c.final,
    )
    .outerjoin(t.item, t.item.c.id == t.count.c.opened)
    .where(t.count.c.counter == bindparam("counter"), t.count.c.person == bindparam("person"))
    .order_by(t.count.c.n)
)
_persons = (
    sa.select(
        t.count.c.counter,
        t.count.c.person,
        t.count.c.n,
        t.count.c.item,
        t.count.c.held_on,
        t.count.c.held_by,
        t.count.c.campaign,
        t.count.c.reversed_seq,
        t.count.c.opened,
    )
    .where(t.count.c.person == bindparam("person"))
    .order_by(t.count.c.counter, t.count.c.n)
)
_same = (
    sa.select(t.words.c.item)
    .where(
        t.words.c.flow == bindparam("flow"),
        t.words.c.campaign == bindparam("campaign"),
        t.words.c.field == bindparam("field"),
        t.words.c.digest == bindparam("digest"),
        t.words.c.item != bindparam("item"),
    )
    .group_by(t.words.c.item)
    .order_by(t.words.c.item)
    .limit(50)
)
_own, _other = t.words.alias("own"), t.words.alias("other")
_repeated = (
    sa.select(
        _own.c.field,
        _own.c.no,
        _other.c.item.label("other"),
        _other.c.no.label("other_no"),
        t.item.c.unit.label("unit"),
    )
    .select_from(
        _own.join(
            _other,
            sa.and_(
                _other.c.flow == _own.c.flow,
                _other.c.campaign == _own.c.campaign,
                _other.c.field == _own.c.field,
                _other.c.digest == _own.c.digest,
                sa.or_(_other.c.item != _own.c.item, _other.c.no != _own.c.no),
            ),
        ).join(t.item, t.item.c.id == _other.c.item)
    )
    .where(_own.c.item == bindparam("item"))
    .order_by(_own.c.field, _own.c.no, _other.c.item, _other.c.no)
    .limit(MOST)
)


def counted(connection: Connection, counter: str, person: str) -> list[dict[str, Any]]:
    """Everything ever put on a person's count, in order: {n, item, on, by, campaign}; ``reversed`` where it was taken off
    again, ``opened`` the proposal it led to, ``open`` while that is under way."""
    out: list[dict[str, Any]] = []
    for r in connection.execute(_counted, {"counter": counter, "person": person}):
        row = {"n": r.n, "item": r.item, "on": r.held_on, "by": r.held_by, "campaign": r.campaign}
        if r.reversed_seq is not None:
            row["reversed"] = True
        if r.opened:
            row |= {"opened": r.opened, "open": r.final is False or r.final is None}
        out.append(row)
    return out


def of_person(connection: Connection, person: str) -> Sequence[Any]:
    """Every count of a person: counter, n, item, held_on, held_by, campaign, reversed_seq, opened."""
    return connection.execute(_persons, {"person": person}).all()


def same_words(connection: Connection, item: str, flow: str, campaign: str, field: str, digest: str) -> list[str]:
    """Other items of the flow and campaign whose field says the same, by id; the first 50."""
    values = {"item": item, "flow": flow, "campaign": campaign, "field": field, "digest": digest}
    return list(connection.execute(_same, values).scalars())


def repeated(connection: Connection, item: str) -> Sequence[Any]:
    """Where the texts of an item stand word for word elsewhere: field, no, other, other_no, unit; the first ``MOST``."""
    return connection.execute(_repeated, {"item": item}).all()
