"""Mandates in the database: what a person was given to sign, each with the hands it came through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow.store.known import known
from workflow.store.tables import ORGANISATION

HANDS = 16  # how often a mandate may be handed on


class _Statements:
    def __init__(self, tables: Mapping[str, Any]) -> None:
        mandate, tenure = tables["mandates"], tables["tenures"]
        held = sa.select(*mandate.c, tenure.c.from_on.label("tenure_from"), tenure.c.until_on.label("tenure_until"))
        held = held.join(tenure, tenure.c.id == mandate.c.tenure)
        person, unit, post = (sa.bindparam(n, type_=sa.String) for n in ("person", "unit", "post"))
        newest = (mandate.c.from_on.desc(), mandate.c.id)
        self.one = held.where(mandate.c.id == sa.bindparam("mandate", type_=sa.String))
        self.given_to = held.where(mandate.c.person == person, mandate.c.unit == unit, mandate.c.post == post).order_by(
            *newest
        )
        self.of_tenure = held.where(mandate.c.tenure == sa.bindparam("tenure", type_=sa.String)).order_by(*newest)


_NOW = _Statements(ORGANISATION)
_m = ORGANISATION["mandates"].c
_PERSONS_FOR = (
    sa.select(_m.person)
    .where(
        _m.unit == sa.bindparam("unit", type_=sa.String),
        _m.post == sa.bindparam("post", type_=sa.String),
        _m.revoked_at.is_(None),
    )
    .distinct()
    .order_by(_m.person)
)
_POSTS_OF = (
    sa.select(_m.unit, _m.post)
    .where(_m.person == sa.bindparam("person", type_=sa.String), _m.revoked_at.is_(None))
    .distinct()
    .order_by(_m.unit, _m.post)
)
_KNOWN = _Statements({name: known(name) for name in ("mandates", "tenures")})


def given_to(
    connection: Connection, person: str, unit: str, post: str, known_at: int | None = None
) -> list[dict[str, Any]]:
    """The person's mandates to sign as a post of a unit, newest first; those expired or revoked too, for whoever asks why.

    ``links`` are the mandates it rests on, from the holder's own to this one. Whether they hold here is for the rules.
    """
    ask, values = (_NOW, {}) if known_at is None else (_KNOWN, {"known": known_at})
    rows = connection.execute(ask.given_to, {"person": person, "unit": unit, "post": post, **values}).all()
    return [_mandate(connection, ask, row, values) for row in rows]


def posts_of(connection: Connection, person: str) -> list[tuple[str, str]]:
    """The (unit, post) pairs that a person has, or had, a mandate for that nobody took back."""
    rows = connection.execute(_POSTS_OF, {"person": person})
    return [(r.unit, r.post) for r in rows]


def persons_for(connection: Connection, unit: str, post: str) -> list[str]:
    """Who has, or had, a mandate for a post that nobody took back; whether it holds is for the rules."""
    return list(connection.execute(_PERSONS_FOR, {"unit": unit, "post": post}).scalars())


def find(connection: Connection, mandate: str) -> dict[str, Any] | None:
    """One mandate with the hands it came through, as ``given_to`` gives it; None where there is none of that id."""
    row = connection.execute(_NOW.one, {"mandate": mandate}).first()
    return _mandate(connection, _NOW, row, {}) if row is not None else None


def _mandate(connection: Connection, ask: _Statements, row: Any, values: dict[str, Any]) -> dict[str, Any]:
    links = [_link(row)]
    above = row
    while above.under and len(links) < HANDS:
        above = connection.execute(ask.one, {"mandate": above.under, **values}).one()
        links.insert(0, _link(above))
    return {
        "mandate": row.id,
        "principal": row.principal,
        "tenure": row.tenure,
        "tenure_from": row.tenure_from,
        "tenure_until": row.tenure_until,
        "links": links,
    }


def _link(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "giver": row.giver,
        "person": row.person,
        "from": row.from_on,
        "until": row.until_on,
        "flow": row.flow,
        "stage": row.stage,
        "kind": row.kind,
        "units": orjson.loads(row.units),
        "handing_on": bool(row.handing_on),
        "revoked": row.revoked_at,
    }
