"""Which chains belong to what somebody asks evidence for. Read only."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t

_ids = sa.select(t.item.c.id).order_by(t.item.c.id)
_by_unit = _ids.where(t.item.c.unit == bindparam("name"))
_by_campaign = _ids.where(t.item.c.campaign == bindparam("name"))
_chain = sa.select(t.entry.c.seq).where(t.entry.c.chain == bindparam("chain"), t.entry.c.seq == 1)
_keys = sa.select(t.meta.c.key, t.meta.c.value).where(t.meta.c.key.startswith("key/", autoescape=True))


def items_of_unit(connection: Connection, unit: str) -> list[str]:
    """The ids of all items about a unit, of every flow, sorted."""
    return list(connection.execute(_by_unit, {"name": unit}).scalars())


def items_of_campaign(connection: Connection, campaign: str) -> list[str]:
    """The ids of all items of a campaign, sorted."""
    return list(connection.execute(_by_campaign, {"name": campaign}).scalars())


def has_chain(connection: Connection, chain: str) -> bool:
    """Whether a chain has an entry."""
    return connection.execute(_chain, {"chain": chain}).first() is not None


def engine_keys(connection: Connection) -> dict[str, str]:
    """The engine keys that this database claims: id -> raw public key, both in hex."""
    return {row.key.removeprefix("key/"): row.value for row in connection.execute(_keys.order_by(t.meta.c.key))}
