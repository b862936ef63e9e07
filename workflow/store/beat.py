"""Heartbeats of sweeping nodes: ``running`` proves nothing, a fresh row does."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t

_update = (
    t.heartbeat.update()
    .where(t.heartbeat.c.node == bindparam("b_node"))
    .values(at=bindparam("at"), fired=t.heartbeat.c.fired + bindparam("count"))
)
_newest = sa.select(t.heartbeat.c.node, t.heartbeat.c.at, t.heartbeat.c.fired).order_by(t.heartbeat.c.at.desc())


def record(connection: Connection, node: str, at: int, fired: int) -> None:
    """This node has swept at that moment."""
    if connection.execute(_update, {"b_node": node, "at": at, "count": fired}).rowcount == 0:
        connection.execute(t.heartbeat.insert(), {"node": node, "at": at, "fired": fired})


def all_beats(connection: Connection) -> list[dict[str, Any]]:
    """Every node that ever swept, the freshest first."""
    return [dict(r._mapping) for r in connection.execute(_newest)]
