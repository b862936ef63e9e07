"""Heartbeats of sweeping nodes: ``running`` proves nothing, a fresh row does."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t
from workflow.store.statement import upsert

FORGOTTEN = 30 * 86_400_000_000  # µs: a node that has not swept for so long is gone; another one has its place
_update = (
    t.heartbeat.update()
    .where(t.heartbeat.c.node == bindparam("b_node"))
    .values(at=bindparam("at"), fired=t.heartbeat.c.fired + bindparam("count"))
)
_gone = t.heartbeat.delete().where(t.heartbeat.c.at < bindparam("before"))
_newest = sa.select(t.heartbeat.c.node, t.heartbeat.c.at, t.heartbeat.c.fired).order_by(t.heartbeat.c.at.desc())


def record(connection: Connection, node: str, at: int, fired: int) -> None:
    """This node has swept at that moment. Where it is a new one, nodes long gone are forgotten: processes come and go."""
    if connection.execute(_update, {"b_node": node, "at": at, "count": fired}).rowcount == 0:
        new = upsert(connection.dialect.name, t.heartbeat).values(node=node, at=at, fired=fired)
        both = {"at": at, "fired": t.heartbeat.c.fired + fired}  # another process of that name came first
        connection.execute(new.on_conflict_do_update(index_elements=["node"], set_=both))
        connection.execute(_gone, {"before": at - FORGOTTEN})


def all_beats(connection: Connection) -> list[dict[str, Any]]:
    """Every node that swept of late, the freshest first."""
    return [dict(r._mapping) for r in connection.execute(_newest)]
