"""Published definitions and calendars: immutable, addressed by digest, found by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection

from workflow.store import tables as t
from workflow.store.statement import upsert

_by_digest = sa.select(t.definition.c.body).where(t.definition.c.digest == bindparam("digest"))
_digests = sa.select(t.definition.c.digest).order_by(t.definition.c.digest)
_versions = (
    sa.select(t.definition.c.digest, t.definition.c.version, t.definition.c.published_at)
    .where(t.definition.c.flow == bindparam("flow"))
    .order_by(t.definition.c.published_at.desc(), t.definition.c.version.desc())
)
_flows = sa.select(t.definition.c.flow).distinct().order_by(t.definition.c.flow)
_calendar = sa.select(t.calendar.c.body).where(t.calendar.c.digest == bindparam("digest"))
_calendars = (
    sa.select(t.calendar.c.digest)
    .where(t.calendar.c.name == bindparam("name"))
    .order_by(t.calendar.c.published_at.desc())
)
_every_calendar = _calendars.add_columns(t.calendar.c.published_at)
_all_calendars = sa.select(t.calendar.c.digest, t.calendar.c.name, t.calendar.c.published_at).order_by(
    t.calendar.c.published_at, t.calendar.c.digest
)
_followed = sa.select(t.meta.c.key).where(t.meta.c.key.like("followed/%"))
_keys = sa.select(t.meta.c.key, t.meta.c.value).where(t.meta.c.key.like("key/%")).order_by(t.meta.c.key)
_head = sa.select(t.chain.c.head).where(t.chain.c.chain == bindparam("chain"))
_bodies = sa.select(t.entry.c.body).where(t.entry.c.chain == bindparam("chain")).order_by(t.entry.c.seq)
_meta = sa.select(t.meta.c.value).where(t.meta.c.key == bindparam("key"))


def definition(connection: Connection, digest: str) -> bytes | None:
    return connection.execute(_by_digest, {"digest": digest}).scalar()


def digests(connection: Connection) -> list[str]:
    """Every published definition."""
    return list(connection.execute(_digests).scalars())


def versions(connection: Connection, flow: str) -> list[Any]:
    """Published versions of a flow, newest first: digest, version, published_at."""
    return list(connection.execute(_versions, {"flow": flow}))


def flows(connection: Connection) -> list[str]:
    """The names of all published flows."""
    return list(connection.execute(_flows).scalars())


def publish(connection: Connection, *, digest: str, flow: str, version: str, body: bytes, at: int) -> None:
    connection.execute(
        t.definition.insert(), {"digest": digest, "flow": flow, "version": version, "body": body, "published_at": at}
    )


def set_layout(connection: Connection, digest: str, layout: dict[str, list[str]]) -> None:
    """Keep the order in which a file names its materials and their fields, for whoever shows them: it is no part of what is
    hashed and signed, and nothing rests on it. The first file that has an order of its own says it."""
    if list(layout.items()) != [(name, sorted(fields)) for name, fields in sorted(layout.items())]:
        set_meta(connection, layout_key(digest), json.dumps(layout, ensure_ascii=False))


def layout(connection: Connection, digest: str) -> dict[str, list[str]]:
    """The fields of each material in the order of the file; empty where none was kept."""
    kept = meta(connection, layout_key(digest))
    return {} if kept is None else dict(json.loads(kept))


def layout_key(digest: str) -> str:
    """Under which key the order of a definition's fields is kept; a key holds 48 digits of a digest."""
    return f"layout/{digest[-48:]}"


def calendar(connection: Connection, digest: str) -> bytes | None:
    return connection.execute(_calendar, {"digest": digest}).scalar()


def newest_calendar(connection: Connection, name: str) -> str | None:
    """The digest of the calendar published last under a name."""
    return connection.execute(_calendars, {"name": name}).scalars().first()


def calendars(connection: Connection, name: str) -> list[Any]:
    """Every calendar published under a name, newest first: digest, published_at."""
    return list(connection.execute(_every_calendar, {"name": name}))


def not_followed(connection: Connection) -> list[Any]:
    """Calendars that are not on record as followed, the oldest first: digest, name, published_at."""
    marks = set(connection.execute(_followed).scalars())
    return [row for row in connection.execute(_all_calendars) if followed_key(row.digest) not in marks]


def set_followed(connection: Connection, digests: Iterable[str]) -> None:
    """Put on record that no date is left to be counted again by these calendars."""
    for digest in digests:
        new = upsert(connection.dialect.name, t.meta).values(key=followed_key(digest), value=digest)
        connection.execute(new.on_conflict_do_nothing())  # another process was first


def followed_key(digest: str) -> str:
    """Under which key it is kept that a calendar was followed; a key holds 48 digits of a digest."""
    return f"followed/{digest[-48:]}"


def publish_calendar(connection: Connection, *, digest: str, name: str, body: bytes, at: int) -> None:
    connection.execute(t.calendar.insert(), {"digest": digest, "name": name, "body": body, "published_at": at})


def meta(connection: Connection, key: str) -> str | None:
    return connection.execute(_meta, {"key": key}).scalar()


def engine_keys(connection: Connection) -> dict[str, str]:
    """The engine keys that the database names: key id to public key, both in hex."""
    return {key.removeprefix("key/"): value for key, value in connection.execute(_keys)}


def chain_head(connection: Connection, chain: str) -> bytes | None:
    """The hash of the last entry of a chain that is no item."""
    return connection.execute(_head, {"chain": chain}).scalar()


def bodies(connection: Connection, chain: str) -> list[bytes]:
    """The bodies of a chain's entries, in order."""
    return list(connection.execute(_bodies, {"chain": chain}).scalars())


def set_meta(connection: Connection, key: str, value: str) -> None:
    """Write a value of the database about itself; only while it has none."""
    if meta(connection, key) is None:
        connection.execute(t.meta.insert(), {"key": key, "value": value})
