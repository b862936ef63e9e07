"""Reading everything for verification, in order, without holding it all in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow.store import library as lib
from workflow.store import tables as t

_all = sa.select(
    t.entry.c.chain,
    t.entry.c.seq,
    t.entry.c.at,
    t.entry.c.act,
    t.entry.c.body,
    t.entry.c.seal,
    t.entry.c.hash,
    t.entry.c.request_id,
    t.entry.c.request_digest,
).order_by(t.entry.c.chain, t.entry.c.seq)

definition = lib.definition
calendar = lib.calendar


def origin(connection: Connection) -> str:
    """The name of this log."""
    return lib.meta(connection, "origin") or ""


def public_key(connection: Connection, key_id: bytes) -> bytes | None:
    """The raw public key of an engine key registered here."""
    held = lib.meta(connection, f"key/{key_id.hex()}")
    return bytes.fromhex(held) if held else None


def count(connection: Connection) -> int:
    """How many entries there are."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(t.entry)).scalar() or 0)


def items(connection: Connection) -> dict[str, Any]:
    """Every item by id."""
    return {r.id: r for r in connection.execute(sa.select(t.item))}


def chain_heads(connection: Connection) -> dict[str, Any]:
    """The heads of chains that are no items."""
    return {r.chain: r for r in connection.execute(sa.select(t.chain))}


def chains(connection: Connection) -> Iterator[tuple[str, list[Any]]]:
    """Every chain with its entries in order."""
    rows = connection.execution_options(yield_per=2_000).execute(_all)
    current = ""
    held: list[Any] = []
    for row in rows:
        if row.chain != current and held:
            yield current, held
            held = []
        current = row.chain
        held.append(row)
    if held:
        yield current, held


def library(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """Every published definition and calendar: digest and bytes."""
    for table in (t.definition, t.calendar):
        for row in connection.execute(sa.select(table.c.digest, table.c.body)):
            yield row.digest, row.body
