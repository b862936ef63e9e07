"""Personal data beside the evidence: keys of subjects, and what commitments stand for, sealed under them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.engine import Connection, Engine

from workflow.store import tables as t
from workflow.store.statement import upsert

_CHUNK = 500
_key = sa.select(t.subject.c.key).where(t.subject.c.subject == bindparam("subject"))
_held = (
    sa.select(t.personal.c.commitment, t.personal.c.sealed, t.subject.c.key)
    .join(t.subject, t.subject.c.subject == t.personal.c.subject)
    .where(t.personal.c.commitment.in_(bindparam("wanted", expanding=True)))
)
_every = sa.select(t.personal.c.commitment, t.personal.c.sealed, t.subject.c.key).join(
    t.subject, t.subject.c.subject == t.personal.c.subject, isouter=True
)
_of = sa.select(t.personal.c.commitment).where(t.personal.c.subject == bindparam("subject"))
_person = sa.select(t.person.c.id).where(t.person.c.id == bindparam("subject"))


def key_of(connection: Connection, subject: str, fresh: bytes) -> bytes:
    """A subject's key; ``fresh`` becomes it where there is none."""
    insert = upsert(connection.dialect.name, t.subject)
    connection.execute(insert.on_conflict_do_nothing(), {"subject": subject, "key": fresh})
    return bytes(connection.execute(_key, {"subject": subject}).scalar_one())


def keep(connection: Connection, subject: str, sealed: Mapping[str, bytes]) -> None:
    """Keep what commitments stand for; those kept already stay."""
    insert = upsert(connection.dialect.name, t.personal)
    rows = [{"commitment": c, "subject": subject, "sealed": s} for c, s in sealed.items()]
    if rows:
        connection.execute(insert.on_conflict_do_nothing(), rows)


def held(connection: Connection, commitments: Iterable[str]) -> dict[str, tuple[bytes, bytes]]:
    """From each commitment that is still kept to (sealed, key of its subject)."""
    wanted, found = list(commitments), {}
    for start in range(0, len(wanted), _CHUNK):
        for row in connection.execute(_held, {"wanted": wanted[start : start + _CHUNK]}):
            found[row.commitment] = (bytes(row.sealed), bytes(row.key))
    return found


def every(connection: Connection) -> Iterator[tuple[str, bytes, bytes | None]]:
    """Every commitment of which something is kept: what, sealed, and the key of its subject, if that is there."""
    for row in connection.execute(_every):
        yield row.commitment, bytes(row.sealed), None if row.key is None else bytes(row.key)


def of(connection: Connection, subject: str) -> list[str]:
    """The commitments of a subject, sorted."""
    return sorted(connection.execute(_of, {"subject": subject}).scalars())


def is_person(connection: Connection, subject: str) -> bool:
    """Whether the organisation knows the subject as a person."""
    return connection.execute(_person, {"subject": subject}).first() is not None


def destroy(connection: Connection, subject: str) -> int:
    """Destroy a subject's key and everything sealed under it; how many commitments stand for nothing from now on.

    SQLite overwrites the pages it frees. On PostgreSQL the bytes go with the next VACUUM, and with them the key.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    gone = connection.execute(t.personal.delete().where(t.personal.c.subject == subject)).rowcount
    connection.execute(t.subject.delete().where(t.subject.c.subject == subject))
    return int(gone)


def forget(connection: Connection, commitments: Iterable[str]) -> None:
    """Remove what some commitments stand for, and the keys of subjects of whom nothing is left."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    wanted = list(commitments)
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        connection.execute(t.personal.delete().where(t.personal.c.commitment.in_(some)))
    if wanted:
        left = sa.select(t.personal.c.subject)
        connection.execute(t.subject.delete().where(t.subject.c.subject.not_in(left)))


def settle(engine: Engine) -> None:
    """Carry a committed destruction out of SQLite's write-ahead log."""
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            raw.close()
