"""Which unit an item was about before it went to the successor of a unit that is no more. Read only.

An item stands under the unit it is about today; what is asked about a day that has passed names the unit of that day.
Told from the entries that moved items, so that nothing is held twice. Source: R070, M51.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.evidence import canonical
from workflow.store import tables as t

_successors = sa.select(t.succession.c.successor).distinct()
_any = _successors.limit(1)
_last = sa.select(t.entry.c.at).order_by(t.entry.c.id.desc()).limit(1)
_moved = (
    sa.select(t.item.c.id, t.entry.c.at, t.entry.c.body)
    .join(t.entry, t.entry.c.chain == t.item.c.id)
    .where(t.item.c.unit.in_(_successors), t.entry.c.act == "move-item")
    .order_by(t.entry.c.chain, t.entry.c.seq)
)
_since = _moved.where(t.entry.c.at > bindparam("at"))
_of_campaign = _moved.where(t.item.c.flow == bindparam("flow"), t.item.c.campaign == bindparam("campaign"))


class Move(NamedTuple):
    """One item that went from a unit to its successor, and when (µs UTC)."""

    at: int
    gone: str


def units_then(connection: Connection, at: int) -> dict[str, str]:
    """The unit that an item was about at an instant, of every item that went to another unit since."""
    if connection.execute(_any).first() is None or at >= (connection.execute(_last).scalar() or 0):
        return {}
    found = _read(connection.execute(_since, {"at": at}))
    return {item: moves[0].gone for item, moves in found.items()}


def moves(connection: Connection, flow: str, campaign: str) -> dict[str, list[Move]]:
    """Every item of a flow and campaign that ever went to another unit, with its moves in order."""
    if connection.execute(_any).first() is None:
        return {}
    return _read(connection.execute(_of_campaign, {"flow": flow, "campaign": campaign}))


def _read(rows: Iterable[Any]) -> dict[str, list[Move]]:
    found: dict[str, list[Move]] = {}
    for item, at, body in rows:
        for effect in canonical.read(body)["effects"]:
            if effect["e"] == "moved" and "unit" in effect:  # of others only a place moved
                found.setdefault(item, []).append(Move(at, effect["from"]))
    return found
